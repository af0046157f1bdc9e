"""A graph that is learnt from in parts: some nodes, and a sample of what is around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.engine.split.base import Split
from runner.engine.split.graphs import ranges
from runner.engine.state import seed_for

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.split.base import Move
    from runner.engine.split.graph import GraphSplit

_WHOLE_BYTES = 512 * 2**20  # features of a graph that is passed whole in evaluation


def drawn(lengths: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """So many different numbers below each of some lengths, all sets of them being equally likely.

    Takes a time that does not depend on the lengths, so that a node with a million neighbours costs no more.

    Args:
        lengths: ``(N,)``, each greater than `number`.
        number: how many to draw below each.
        generator: draws.

    Returns:
        ``(N, number)`` int64.

    Source: Bentley and Floyd 1987, "Programming Pearls: A Sample of Brilliance", algorithm F2.
    """
    chosen = torch.empty(len(lengths), number, dtype=torch.int64)
    for place in range(number):
        top = lengths - number + place
        tried = (torch.rand(len(lengths), dtype=torch.float64, generator=generator) * (top + 1)).long()
        taken = (chosen[:, :place] == tried[:, None]).any(1)
        chosen[:, place] = top.where(taken, tried)
    return chosen


@dataclass(frozen=True)
class Around:
    """For each node of a graph the edges that lead to it.

    Attributes:
        starts: where the edges to each node begin in `sources`, and the end of the last ``(nodes + 1,)``.
        sources: where each edge comes from ``(E,)``.
        weights: of the edges ``(E,)``.
        degrees: the weights of all edges to each node, summed ``(nodes,)``.
    """

    starts: Tensor
    sources: Tensor
    weights: Tensor
    degrees: Tensor

    @classmethod
    def of(cls, edges: Tensor, nodes: int, weights: Tensor | None = None) -> Around:
        """Sort the edges ``(2, E)`` of a graph by where they lead to."""
        order = edges[1].argsort(stable=True)
        weights = torch.ones(len(order)) if weights is None else weights
        counts = edges[1].bincount(minlength=nodes)
        degrees = torch.zeros(nodes).index_add_(0, edges[1], weights)
        starts = torch.cat((counts.new_zeros(1), counts.cumsum(0)))
        return cls(starts, edges[0][order], weights[order], degrees)

    def part(
        self, nodes: Tensor, neighbours: Sequence[int], generator: torch.Generator | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The part of the graph around some nodes.

        Each node that is reached keeps all edges that lead to it, or a sample of them, drawn once, each of which then
        stands for as many as were left out: its weight grows accordingly.

        Args:
            nodes: the numbers of the nodes asked for ``(N,)``.
            neighbours: how many of the edges to a node are kept, step by step away from `nodes`.
            generator: draws them; None: all are kept, and `neighbours` says only how far the part reaches.

        Returns:
            The numbers of the nodes in the part ``(reached,)``, and what a network is given beside their features; see
            `runner.model.layers.graph.GraphNetwork.forward`.

        Source: Hamilton et al. 2017, "Inductive Representation Learning on Large Graphs", algorithm 2.
        """
        reached, asked = nodes.unique(return_inverse=True)
        frontier, hops = reached, [len(reached)]
        sources, targets, weights = [], [], []
        for number in neighbours:
            lengths = self.starts[frontier + 1] - self.starts[frontier]
            few = lengths <= number if generator is not None else torch.ones(len(frontier), dtype=torch.bool)
            places, ends = [ranges(self.starts[frontier[few]], lengths[few])], [frontier[few]]
            counts, scales = [lengths[few]], [torch.ones(int(few.sum()))]
            if generator is not None:
                many = ~few
                chosen = drawn(lengths[many], number, generator) + self.starts[frontier[many]][:, None]
                places.append(chosen.flatten())
                ends.append(frontier[many])
                counts.append(torch.full((len(chosen),), number))
                scales.append(lengths[many] / number)
            kept, count = torch.cat(places), torch.cat(counts)
            sources.append(self.sources[kept])
            targets.append(torch.repeat_interleave(torch.cat(ends), count))
            weights.append(self.weights[kept] * torch.repeat_interleave(torch.cat(scales), count))
            found = sources[-1].unique()
            frontier = found[~torch.isin(found, reached)]
            reached = torch.cat((reached, frontier))
            hops.append(len(reached))
        order = reached.argsort()
        ascending = reached[order]
        edges = torch.stack((torch.cat(sources), torch.cat(targets)))
        more = {
            "edges": order[torch.searchsorted(ascending, edges)],
            "nodes": asked,
            "weights": torch.cat(weights),
            "degrees": self.degrees[reached],
            "hops": torch.tensor(hops),
        }
        return reached, more


@dataclass(frozen=True)
class NeighbourSplit(Split):
    """Nodes of a graph, of which a batch is given with what is around them only.

    What is drawn is a function of the seed, the epoch and the first node of the batch. In evaluation all neighbours
    are kept, and a graph whose features take at most 512 MiB is passed whole, all nodes of the part at once.

    Attributes:
        graph: the nodes, and the graph.
        around: the edges of the graph.
        neighbours: how many of a node's are drawn, step by step.
        sampled: whether batches to learn from have a sample; else all neighbours.
        seed: of the draws.
    """

    graph: GraphSplit
    around: Around
    neighbours: tuple[int, ...]
    sampled: bool
    seed: int = 0

    def __len__(self) -> int:
        return len(self.graph)

    def place(self, row: int) -> str:
        """The name of the node."""
        return self.graph.place(row)

    def classes(self) -> Tensor:
        """See `Split.classes`; nothing is read."""
        return self.graph.labels[self.graph.nodes]

    def opened(self, device: torch.device, seed: int, num_workers: int) -> NeighbourSplit:
        """With the run's seed; the graph stays where it is, and batches travel."""
        return replace(self, seed=seed)

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`; with all neighbours."""
        return self._batch(rows, None)

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`."""

        def made() -> Iterator[Batch]:
            for part in rows.split(size):
                generator = None
                if self.sampled:
                    generator = torch.Generator().manual_seed(seed_for(self.seed, "neighbours", epoch, int(part[0])))
                yield self._batch(part, generator)

        return move(made())

    def in_order(self, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.in_order`; with all neighbours."""
        every = torch.arange(len(self))
        if self.graph.features.nbytes <= _WHOLE_BYTES:
            return move(iter([self.graph.read(every)]))
        return move(self.read(part) for part in every.split(size))

    def _batch(self, rows: Tensor, generator: torch.Generator | None) -> Batch:
        nodes = self.graph.nodes[rows]
        reached, more = self.around.part(nodes, self.neighbours, generator)
        return Batch(self.graph.features[reached], self.graph.labels[nodes], more, len(nodes))
