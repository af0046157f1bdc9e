"""Many graphs, each an example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.engine.split.base import Split

if TYPE_CHECKING:
    from torch import Tensor


def ranges(starts: Tensor, lengths: Tensor) -> Tensor:
    """``starts[0], starts[0] + 1, ...``, so many as `lengths` says, and so on for each ``(sum of lengths,)``."""
    ahead = lengths.cumsum(0) - lengths
    return torch.arange(int(lengths.sum())) + torch.repeat_interleave(starts - ahead, lengths)


@dataclass(frozen=True)
class GraphsSplit(Split):
    """Whole graphs in memory. A batch has their nodes one behind the other, their edges moved along, and their sizes.

    Attributes:
        features: of the nodes of all graphs, one graph behind the other ``(nodes, features)``.
        offsets: where the nodes of each graph begin, and the end of the last ``(graphs + 1,)``.
        edges: from and to, each counted within its graph ``(2, edges)`` int64, one graph behind the other.
        edge_offsets: where the edges of each graph begin, and the end of the last ``(graphs + 1,)``.
        weights: of the edges ``(edges,)``.
        targets: of all graphs ``(graphs, ...)``.
        graphs: the numbers of this part's graphs ``(N,)`` int64.
        names: of all graphs; empty where they have none.
    """

    features: Tensor
    offsets: Tensor
    edges: Tensor
    edge_offsets: Tensor
    weights: Tensor
    targets: Tensor
    graphs: Tensor
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.graphs)

    def place(self, row: int) -> str:
        """The name of the graph."""
        return self.names[int(self.graphs[row])] if self.names else ""

    def classes(self) -> Tensor:
        """See `Split.classes`; nothing is read."""
        return self.targets[self.graphs]

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        graphs = self.graphs[rows]
        sizes = self.offsets[graphs + 1] - self.offsets[graphs]
        counts = self.edge_offsets[graphs + 1] - self.edge_offsets[graphs]
        inputs = self.features[ranges(self.offsets[graphs], sizes)]
        places = ranges(self.edge_offsets[graphs], counts)
        edges = self.edges[:, places] + torch.repeat_interleave(sizes.cumsum(0) - sizes, counts)
        more = {"edges": edges, "sizes": sizes, "weights": self.weights[places]}
        return Batch(inputs, self.targets[graphs], more, len(rows))
