"""The settings that options of one graph have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from runner.data.base import DataOption

if TYPE_CHECKING:
    from runner.data.parts.split import Parts
    from runner.engine.split import GraphSplit, Split


@dataclass(kw_only=True)
class NodesOption(DataOption):
    """Nodes of one graph.

    Attributes:
        neighbours: learn from parts of the graph: how many edges to each node of a batch are drawn, and to each of
            those that they come from, and so on, a number for each layer of the network. Empty: the whole graph.
    """

    neighbours: tuple[Annotated[int, Ge(1)], ...] = ()

    def parted(self, graph: GraphSplit, parts: Parts) -> dict[str, Split]:
        """For `load`: the nodes by part, with the whole graph or with what is around them.

        Args:
            graph: all nodes that are in some part.
            parts: which of these.
        """
        import torch

        from runner.data.parts.assemble import in_parts
        from runner.engine.split import NeighbourSplit
        from runner.engine.split.neighbours import Around

        around = Around.of(graph.edges, len(graph.features), graph.weights) if self.neighbours else None

        def split(rows: Any) -> Split:
            part = replace(graph, nodes=graph.nodes[torch.from_numpy(rows)])
            return part if around is None else NeighbourSplit(part, around, self.neighbours, rows is parts.train)

        return in_parts(parts, split)
