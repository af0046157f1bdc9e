"""One graph, of whose nodes some are to be learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.engine.batch import Batch
from runner.engine.split.base import Split

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class GraphSplit(Split):
    """Nodes of a graph that all parts share. The network is given the whole graph, and is asked for some nodes.

    Attributes:
        features: of every node of the graph ``(nodes, features)``.
        edges: from and to ``(2, edges)`` int64.
        labels: of every node ``(nodes, ...)``: classes, or values.
        nodes: the numbers of this part's nodes ``(N,)`` int64.
        names: of every node of the graph; empty where they have none.
        weights: of the edges ``(edges,)``; None: each counts once.
    """

    features: Tensor
    edges: Tensor
    labels: Tensor
    nodes: Tensor
    names: Sequence[str] = ()
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.nodes)

    def place(self, row: int) -> str:
        """The name of the node."""
        return self.names[int(self.nodes[row])] if self.names else ""

    def opened(self, device: torch.device, seed: int, num_workers: int) -> GraphSplit:
        """With the graph on the device."""
        tensors = ("features", "edges", "labels", "nodes")
        weights = None if self.weights is None else self.weights.to(device)
        return replace(self, weights=weights, **{name: getattr(self, name).to(device) for name in tensors})

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        nodes = self.nodes[rows.to(self.nodes.device)]
        more = {"edges": self.edges, "nodes": nodes}
        if self.weights is not None:
            more["weights"] = self.weights
        return Batch(self.features, self.labels[nodes], more)
