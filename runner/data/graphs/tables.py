"""From a table of nodes and a list of edges to what networks on graphs take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from runner.data.graphs.edges import Edges, OnDangling, read_edges
from runner.data.table.header import column_names
from runner.data.table.meaning import Notation, as_texts
from runner.data.table.read import read_table
from runner.data.table.transform import TableTransform
from runner.engine.batch import Batch
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    import polars as pl

    from runner.data.base import TableScaling


class NodesAndEdges(NamedTuple):
    """A graph as its files have it.

    Attributes:
        nodes: a row for each, the columns that features are made of.
        edges: between them, by the numbers of the rows.
    """

    nodes: pl.DataFrame
    edges: Edges


def names_of(column: pl.Series, source: str) -> list[str]:
    """The names of nodes.

    Raises:
        RunFailed: a node has none, or two have the same.
    """
    if column.has_nulls():
        raise RunFailed(f"{source}: {column.null_count():,} row(s) have no {column.name!r}. Each node needs a name.")
    names = as_texts(column).str.strip_chars().to_list()
    if len(set(names)) < len(names):
        ((twice, _),) = Counter(names).most_common(1)
        raise RunFailed(f"{source}: {column.name!r} is {twice!r} in several rows. Each node needs a name of its own.")
    return names


class GraphTable(Transform):
    """Features of nodes from the columns of a table, fitted on the training nodes, and the edges between them.

    Args:
        id: the column with the names of the nodes.
        directed: see `read_edges`.
        weighted: see `read_edges`.
        on_dangling: see `read_edges`.
        scaling: of numbers; see `TableTransform`.
    """

    def __init__(self, id: str, directed: bool, weighted: bool, on_dangling: OnDangling, scaling: TableScaling) -> None:
        super().__init__()
        self.id, self.directed, self.weighted, self.on_dangling = id, directed, weighted, on_dangling
        self.table = TableTransform(scaling=scaling)

    def fit(self, raw: pl.DataFrame) -> None:
        """Learn from the columns of the training nodes."""
        self.table.fit(raw)

    def __call__(self, raw: NodesAndEdges) -> Tensor:
        """Features of all nodes ``(nodes, F)``."""
        features = self.table(raw.nodes)
        self.notes.update(self.table.notes)
        return features

    def tensors(self, edges: Edges) -> tuple[Tensor, Tensor | None]:
        """The edges and their weights, as a `GraphSplit` has them."""
        return torch.from_numpy(edges.ends), None if edges.weights is None else torch.from_numpy(edges.weights)

    def batch(self, raw: NodesAndEdges) -> Batch:
        """The graph, and all its nodes asked for."""
        inputs = self(raw)
        edges, weights = self.tensors(raw.edges)
        more = {"edges": edges, "nodes": torch.arange(len(inputs))}
        if weights is not None:
            more["weights"] = weights
        return Batch(inputs, torch.empty(0), more, len(inputs))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Graphs, two files each: its nodes, then its edges. They are read whole, so that no edge is cut.

        Raises:
            ConfigError: there are not two files for each.
        """
        if len(sources) % 2 or "-" in sources:
            raise ConfigError("predict: a graph is two files: predict RUN_DIR NODES EDGES, both as in training.")
        for nodes, edges in zip(sources[::2], sources[1::2], strict=True):
            yield self._graph(Path(nodes), Path(edges))

    def _graph(self, nodes: Path, edges: Path) -> Raw:
        there = column_names(nodes, "predict: the nodes")
        if self.id not in there:
            raise RunFailed(f"{nodes}: there is no column {self.id!r} with the names of the nodes.")
        self.table.refuse_missing(there, str(nodes))
        kinds = {column.name: column.kind for column in self.table.columns}
        frame = read_table(nodes, set(there) - {self.id, *kinds}, {**kinds, self.id: "words"}, Notation())
        names = names_of(frame[self.id], str(nodes))
        found = read_edges(edges, names, directed=self.directed, weighted=self.weighted, on_dangling=self.on_dangling)
        self.notes.update(dict.fromkeys(found.notes))
        return Raw(NodesAndEdges(frame, found), [f"{nodes}:{name}" for name in names])

    def state_dict(self) -> dict[str, Any]:
        """What was learnt of the columns."""
        return self.table.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.table.load_state_dict(state)
