"""What networks on graphs share: sums along edges, and one vector for a whole graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from runner.engine.spec import OF_NODES, Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.layers.activation import Activation, activation_layer
from runner.model.layers.dropout import dropout_layer

Pooling = Literal["mean", "sum", "max"]


def summed(values: Tensor, groups: Tensor, number: int) -> Tensor:
    """Sums over groups ``(number, ...)`` of rows ``(N, ...)``, each of the group that `groups` ``(N,)`` says."""
    return values.new_zeros(number, *values.shape[1:]).index_add_(0, groups, values)


def largest(values: Tensor, groups: Tensor, number: int) -> Tensor:
    """Likewise the largest of each column; 0 of a group without rows."""
    index = groups.view(-1, *(1,) * (values.ndim - 1)).expand_as(values)
    found = values.new_zeros(number, *values.shape[1:])
    return found.scatter_reduce(0, index, values, "amax", include_self=False)


def averaged(values: Tensor, groups: Tensor, number: int, weights: Tensor | None = None) -> Tensor:
    """Likewise means, weighted where there are `weights` ``(N,)``; 0 of a group without rows."""
    if weights is None:
        weights = torch.ones(len(groups), device=values.device)
    total = summed(weights, groups, number).clamp(min=torch.finfo(weights.dtype).tiny)
    rows = weights.view(-1, *(1,) * (values.ndim - 1))  # float32, under autocast too: a node may have many neighbours
    return summed(values * rows, groups, number) / total.view(-1, *(1,) * (values.ndim - 1))


def normalized_exponentials(scores: Tensor, groups: Tensor, number: int) -> Tensor:
    """The softmax of scores ``(N, ...)`` within each group, in float32."""
    scores = scores.float()
    with torch.no_grad():  # any shift gives the same; this one overflows nowhere
        top = largest(scores, groups, number)
    raised = (scores - top[groups]).exp()
    return raised / summed(raised, groups, number)[groups]


def with_loops(edges: Tensor, nodes: int, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Edges with a loop of weight 1 at every node ``(2, E + nodes)``, and the weights of all ``(E + nodes,)``."""
    loops = torch.arange(nodes, device=edges.device).expand(2, -1)
    ones = torch.ones(nodes if weights is not None else edges.shape[1] + nodes, device=edges.device)
    return torch.cat((edges, loops), 1), ones if weights is None else torch.cat((weights, ones))


def pooled(x: Tensor, sizes: Tensor, pooling: Pooling) -> Tensor:
    """One vector for each graph ``(graphs, F)`` from those of its nodes.

    Args:
        x: of all nodes ``(nodes, F)``, graph by graph.
        sizes: nodes of each graph ``(graphs,)`` int64.
        pooling: how they are put together.
    """
    graphs = torch.repeat_interleave(sizes, output_size=len(x))
    if pooling == "max":
        return largest(x, graphs, len(sizes))
    return (averaged if pooling == "mean" else summed)(x, graphs, len(sizes))


class GraphNetwork(Network):
    """The base of networks on graphs: layers that reach one edge further each, all but the last with activation.

    The layers are named ``linear1``, ``activation1``, ``dropout1``, ``linear2``, ... and ``output``. Of one graph all
    nodes are passed through, and outputs given of those asked for. Of whole graphs the nodes behind the last hidden
    layer are pooled, and ``output`` is a dense layer.

    Subclasses implement `prepared`.

    Args:
        spec: facts about the data: features ``(F,)`` of each node.
        hidden: features of each hidden layer.
        activation: of the hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        dropout: probability of dropping a hidden feature, in [0, 1).
        pooling: how the nodes of a whole graph are put together.
        layer: makes a layer from the numbers of features that go in and come out, and whether it is the last. It is
            called with the features of all nodes ``(nodes, in)`` and what `prepared` gives.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("graph",)
    tasks: ClassVar[tuple[str, ...]] = (*OF_NODES, "classification", "multilabel", "regression")

    def __init__(
        self,
        spec: Spec,
        hidden: Sequence[int],
        activation: Activation,
        negative_slope: float,
        dropout: float,
        pooling: Pooling,
        layer: Callable[[int, int, bool], nn.Module],
    ) -> None:
        super().__init__()
        self.activation, self.hidden, self.pooling = activation, len(hidden), pooling
        of_nodes = spec.task in OF_NODES
        (width,) = spec.input_shape
        for i, units in enumerate(hidden, start=1):
            self.add_module(f"linear{i}", layer(width, units, False))
            self.add_module(f"activation{i}", activation_layer(activation, negative_slope))
            self.add_module(f"dropout{i}", dropout_layer(dropout))
            width = units
        self.output = (layer if of_nodes else _dense)(width, spec.num_outputs, True)

    def prepared(self, nodes: int, edges: Tensor, weights: Tensor | None, degrees: Tensor | None) -> tuple[Tensor, ...]:
        """What all layers take of the edges, computed once; arguments as `forward` has them."""
        raise NotImplementedError

    def forward(
        self,
        inputs: Tensor,
        edges: Tensor,
        nodes: Tensor | None = None,
        sizes: Tensor | None = None,
        weights: Tensor | None = None,
        degrees: Tensor | None = None,
        hops: Tensor | None = None,
    ) -> Tensor:
        """Outputs ``(N, num_outputs)``.

        Args:
            inputs: features of all nodes ``(nodes, F)``.
            edges: from and to ``(2, E)``, without loops; those that hold both ways stand there twice.
            nodes: of one graph, the numbers of the nodes asked for ``(N,)``.
            sizes: of several graphs, whose nodes stand one behind the other, nodes of each ``(N,)``.
            weights: of the edges ``(E,)``, at least 0: one of 2 counts as two edges. None: each counts once.
            degrees: of part of a graph, the weight of all edges that lead to each node in the whole ``(nodes,)``.
            hops: of part of a graph, how many nodes are so many edges from those asked for, 0 to the depth
                ``(depth + 1,)``.

        Raises:
            ConfigError: the part of a graph is not deep enough for the layers.
        """
        if hops is not None and len(hops) - 1 < self.hidden + 1:
            raise ConfigError(
                f"data.neighbours: a network of {self.hidden + 1} layers reaches {self.hidden + 1} edges far, and "
                f"neighbours are given for {len(hops) - 1}. Give a number for each layer, or fewer of model.hidden."
            )
        graph = self.prepared(len(inputs), edges, weights, degrees)
        x = inputs
        for i in range(1, self.hidden + 1):
            x = getattr(self, f"linear{i}")(x, *graph)
            x = getattr(self, f"dropout{i}")(getattr(self, f"activation{i}")(x))
        if sizes is not None:
            outputs: Tensor = self.output(pooled(x, sizes, self.pooling))
            return outputs
        outputs = self.output(x, *graph)
        return outputs if nodes is None else outputs[nodes]


def _dense(inputs: int, outputs: int, last: bool) -> nn.Module:
    return nn.Linear(inputs, outputs)
