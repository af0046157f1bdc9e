"""Graph convolutional network."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.model.layers.activation import Activation, Slope
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.graph import GraphNetwork, Pooling, summed, with_loops


def normalized(
    edges: Tensor, nodes: int, weights: Tensor | None = None, degrees: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Edges with a loop at every node, and their weights: the entries of ``D^-1/2 (A + I) D^-1/2`` that are not zero.

    Args:
        edges: from and to ``(2, E)``, each in both directions, without loops.
        nodes: of the graph.
        weights: the entries of A ``(E,)``; None: ones.
        degrees: the row sums of A ``(nodes,)``; None: those of `weights`.

    Returns:
        ``(2, E + nodes)`` and float32 ``(E + nodes,)``. D holds the row sums of A + I.
    """
    edges, entries = with_loops(edges, nodes, weights)
    scale = (summed(entries, edges[1], nodes) if degrees is None else degrees + 1).rsqrt()
    return edges, scale[edges[0]] * entries * scale[edges[1]]


class GraphConvolution(nn.Linear):
    """``D^-1/2 (A + I) D^-1/2 X W + b``: a dense layer whose outputs are summed over neighbours."""

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:  # type: ignore[override]
        """Features of all nodes ``(nodes, in)`` to ``(nodes, out)``; edges and weights as `normalized` gives them."""
        x = F.linear(x, self.weight)
        messages = x[edges[0]] * weights[:, None]  # float32 under autocast too: a node may have many neighbours
        return summed(messages, edges[1], len(x)) + self.bias


class GCN(GraphNetwork):
    """Graph convolutions, each but the last followed by activation and dropout; see `GraphNetwork`.

    Args:
        spec: facts about the data: features ``(F,)`` of each node of a graph.
        hidden: features of each hidden layer; every layer reaches one edge further.
        activation: activation of the hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        dropout: probability of dropping a hidden feature, in [0, 1).
        propagation: ``renormalized`` sums over neighbours with the weights of the paper's equation 2; ``none`` takes
            every node by itself: the multilayer perceptron that the paper's table 3 compares with.
        pooling: of whole graphs, how their nodes are put together.

    Source: Kipf and Welling 2017, "Semi-Supervised Classification with Graph Convolutional Networks", equation 2.
    """

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[Annotated[int, Ge(1)], ...] = (64,),
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        dropout: DropoutRate = 0.0,
        propagation: Literal["renormalized", "none"] = "renormalized",
        pooling: Pooling = "mean",
    ) -> None:
        dense = nn.Linear if propagation == "none" else GraphConvolution
        super().__init__(
            spec,
            hidden,
            activation,
            negative_slope,
            dropout,
            pooling,
            lambda inputs, outputs, last: dense(inputs, outputs),
        )
        self.propagation = propagation

    def prepared(self, nodes: int, edges: Tensor, weights: Tensor | None, degrees: Tensor | None) -> tuple[Tensor, ...]:
        """See `GraphNetwork.prepared`."""
        return () if self.propagation == "none" else normalized(edges, nodes, weights, degrees)
