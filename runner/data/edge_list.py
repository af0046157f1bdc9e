"""A graph of one's own: a file of nodes and a file of edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from runner.data.base import TableScaling, TargetScaling
from runner.data.graphs.edges import OnDangling
from runner.data.graphs.option import NodesOption
from runner.data.table.header import column_names
from runner.data.table.settings import KINDS, existing
from runner.engine.data import Data
from runner.engine.spec import Field, Kind, Spec
from runner.errors import ConfigError, RunFailed, did_you_mean

if TYPE_CHECKING:
    import polars as pl

    from runner.data.graphs.tables import GraphTable
    from runner.data.parts.split import Parts
    from runner.data.table.meaning import Kind as ColumnKind
    from runner.data.table.targets import Predicted, Targets

_TASKS = {"classification": "nodes", "regression": "node_regression"}


@dataclass(kw_only=True)
class EdgeList(NodesOption):
    """One graph, of whose nodes a class or numbers are told.

    Features are made of the columns of the nodes' file as those of a table are, fitted on the training nodes. A node
    without a target is part of the graph and in no part; one without edges is told from its own features.

    Attributes:
        nodes: the file of the nodes: CSV in UTF-8 or parquet, a row each.
        edges: the file of the edges: two names a line, and perhaps a weight, apart by tabs, commas, semicolons or
            spaces; with or without a heading.
        target: the column of the nodes to predict, or several.
        id: the column with the names of the nodes.
        task: ``auto``: classification when the target is text or at most 20 different whole numbers, else regression.
        part: a column that says the part of each node: train, val, test, or nothing (in no part). None: `split` does.
        directed: whether an edge leads from the first to the second only. Messages go that way.
        weighted: whether the third value of each line is the weight of the edge, at least 0: one of 2 counts as two
            edges.
        on_dangling: what is done about an edge of which an end is no node: ``stop`` and say so, or ``skip`` it.
        exclude: columns left out.
        kinds: what columns hold, whatever they look like: ``number``, ``category`` or ``date``, by their names.
        scaling: of numbers, as in a table.
        target_scaling: ``standard`` divides regression targets by mean and standard deviation of the training part.
    """

    nodes: str
    edges: str
    target: str | tuple[str, ...]
    id: str = "id"
    task: Literal["auto", "classification", "regression"] = "auto"
    part: str | None = None
    directed: bool = False
    weighted: bool = False
    on_dangling: OnDangling = "stop"
    exclude: tuple[str, ...] = ()
    kinds: Mapping[str, str] | None = None
    scaling: TableScaling = "standard"  # type: ignore[assignment]
    target_scaling: TargetScaling = "standard"

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)

    def probe(self) -> Spec:
        """Reads the names of the columns only."""
        existing("edges", self.edges)
        names = column_names(existing("nodes", self.nodes), "data.nodes")
        asked = [("target", name) for name in self.targets] + [("id", self.id), *(("exclude", n) for n in self.exclude)]
        asked += [("part", self.part)] if self.part else []
        asked += [("kinds", str(name)) for name in self.kinds or {}]
        for key, name in asked:
            if name not in names:
                raise ConfigError(
                    f"data.{key}={name}: no such column in {self.nodes}.{did_you_mean(name, names)} Its columns: "
                    f"{', '.join(names)}."
                )
        for name, kind in (self.kinds or {}).items():
            if kind not in KINDS:
                raise ConfigError(f"data.kinds={{{name}:{kind}}}: expected {', '.join(KINDS)}.")
        if self.task == "auto":
            return Spec(None, Field("graph"))
        kinds: dict[str, Kind] = {"classification": "class", "regression": "values"}
        return Spec(_TASKS[self.task], Field("graph"), Field(kinds[self.task]))

    def transform(self) -> GraphTable:
        """See `DataOption.transform`."""
        from runner.data.graphs.tables import GraphTable

        return GraphTable(self.id, self.directed, self.weighted, self.on_dangling, self.scaling)

    def load(self) -> Data:
        """Read both files, decide on the task, split, and fit the columns on the training nodes."""
        import numpy as np
        import torch

        from runner.data.graphs.edges import read_edges
        from runner.data.graphs.tables import NodesAndEdges, names_of
        from runner.data.source.fingerprint import combine, sha256_of_file
        from runner.data.table.meaning import Notation
        from runner.data.table.read import read_table
        from runner.data.table.targets import choose_task, for_a_network, read_targets
        from runner.engine.spec import IGNORED
        from runner.engine.split import GraphSplit

        self.probe()
        files = existing("nodes", self.nodes), existing("edges", self.edges)
        said: dict[str, ColumnKind] = {str(name): KINDS[kind] for name, kind in (self.kinds or {}).items()}
        said |= dict.fromkeys((self.id, *((self.part,) if self.part else ())), "words")
        frame = read_table(files[0], self.exclude, said, Notation())
        names = names_of(frame[self.id], self.nodes)
        found = read_edges(
            files[1], names, directed=self.directed, weighted=self.weighted, on_dangling=self.on_dangling
        )
        told = [frame[name].is_not_null().to_numpy() for name in self.targets]
        labelled = np.flatnonzero(np.logical_and.reduce(told))
        if not len(labelled):
            raise RunFailed(f"{self.nodes}: no node has a {' or '.join(map(repr, self.targets))}.")
        columns = frame.select(self.targets)[labelled]
        task: Predicted = choose_task(columns) if self.task == "auto" else self.task
        targets = read_targets(columns, task, self.nodes)
        parts = self._parts(frame, labelled, targets)
        table = frame.drop(self.id, *self.targets, *((self.part,) if self.part else ()))
        transform = self.transform()
        transform.fit(table[labelled[parts.train]])
        if not transform.table.columns:
            raise RunFailed(
                f"{self.nodes}: no feature is left besides {', '.join(map(repr, self.targets))}. Add columns."
            )
        features = transform(NodesAndEdges(table, found))
        inputs = Field("graph", tuple(features.shape[1:]), names=transform.table.feature_names)
        spec, values, about_classes = for_a_network(targets, parts, inputs, self.target_scaling)
        nowhere = IGNORED if task == "classification" else 0
        of_nodes: Any = np.full((len(frame), *values.shape[1:]), nowhere, values.dtype)
        of_nodes[labelled] = values
        labels = torch.from_numpy(of_nodes)
        edges, weights = transform.tensors(found)
        every = GraphSplit(features, edges, labels, torch.from_numpy(labelled), names, weights)
        alone = len(names) - len(np.unique(found.ends))
        notes = [
            f"{len(names):,} nodes, {found.ends.shape[1] // (1 if self.directed else 2):,} edges",
            *(
                [f"{len(names) - len(labelled):,} node(s) without a target are in no part"]
                * (len(labelled) < len(names))
            ),
            *([f"{alone:,} node(s) without edges"] * bool(alone)),
            *found.notes,
            *(
                [f"{task} of {', '.join(map(repr, self.targets))} (data.task decides otherwise)"]
                * (self.task == "auto")
            ),
            transform.table.described(),
            *transform.notes,
            *about_classes,
        ]
        transform.notes.clear()
        transform.table.notes.clear()
        return Data(
            replace(spec, task=_TASKS[task]),
            self.parted(every, parts),
            combine([sha256_of_file(file) for file in files]),
            transform,
            tuple(notes),
        )

    def _parts(self, frame: pl.DataFrame, labelled: Any, targets: Targets) -> Parts:
        """The parts of the nodes with a target, by their numbers among these."""
        import numpy as np

        from runner.data.parts.assemble import divide, fold_and_fraction
        from runner.data.parts.split import Parts

        labels = targets.values if targets.task == "classification" else None
        if self.part is None:
            return divide(self, len(labelled), labels)
        given = frame[self.part][labelled].str.strip_chars()
        if other := set(given.drop_nulls().unique()) - set(Parts._fields):
            raise RunFailed(
                f"{self.nodes}: {self.part!r} is {min(other)!r} in some row. Expected train, val, test or nothing."
            )
        parts = Parts(*(np.flatnonzero((given == part).fill_null(False).to_numpy()) for part in Parts._fields))
        for part in ("train", "val"):
            if not len(getattr(parts, part)):
                raise RunFailed(f"data.part={self.part}: no node with a target is in {part}.")
        return fold_and_fraction(self, parts, labels, None)
