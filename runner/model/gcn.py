"""Graph convolutional network."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Kind, Spec
from runner.model.base import Network
from runner.model.layers.activation import Activation, Slope, activation_layer
from runner.model.layers.dropout import DropoutRate, dropout_layer


def normalized(edges: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Edges with a loop at every node, and their weights: the entries of ``D^-1/2 (A + I) D^-1/2`` that are not zero.

    Args:
        edges: from and to ``(2, E)``, each in both directions, without loops.
        nodes: of the graph.

    Returns:
        ``(2, E + nodes)`` and float32 ``(E + nodes,)``. D holds the row sums of A + I.
    """
    loops = torch.arange(nodes, device=edges.device).expand(2, -1)
    edges = torch.cat((edges, loops), 1)
    ones = torch.ones(edges.shape[1], device=edges.device)
    scale = ones.new_zeros(nodes).index_add_(0, edges[1], ones).rsqrt()
    return edges, scale[edges[0]] * scale[edges[1]]


class GraphConvolution(nn.Linear):
    """``D^-1/2 (A + I) D^-1/2 X W + b``: a dense layer whose outputs are summed over neighbours."""

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:  # type: ignore[override]
        """Features of all nodes ``(nodes, in)`` to ``(nodes, out)``; edges and weights as `normalized` gives them."""
        x = F.linear(x, self.weight)
        messages = x[edges[0]] * weights[:, None]  # float32 under autocast too: a node may have many neighbours
        return messages.new_zeros(x.shape).index_add_(0, edges[1], messages) + self.bias


class GCN(Network):
    """Graph convolutions, each but the last followed by activation and dropout.

    The layers are named ``linear1``, ``activation1``, ``dropout1``, ``linear2``, ... and ``output``. All nodes are
    passed through, and outputs given of those asked for.

    Args:
        spec: facts about the data: features ``(F,)`` of each node of a graph.
        hidden: features of each hidden layer; every layer reaches one edge further.
        activation: activation of the hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        dropout: probability of dropping a hidden feature, in [0, 1).
        propagation: ``renormalized`` sums over neighbours with the weights of the paper's equation 2; ``none`` takes
            every node by itself: the multilayer perceptron that the paper's table 3 compares with.

    Source: Kipf and Welling 2017, "Semi-Supervised Classification with Graph Convolutional Networks", equation 2.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("graph",)
    tasks: ClassVar[tuple[str, ...]] = ("nodes",)

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[Annotated[int, Ge(1)], ...] = (64,),
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        dropout: DropoutRate = 0.0,
        propagation: Literal["renormalized", "none"] = "renormalized",
    ) -> None:
        super().__init__()
        self.activation, self.propagation, self.hidden = activation, propagation, len(hidden)
        dense = nn.Linear if propagation == "none" else GraphConvolution
        (width,) = spec.input_shape
        for i, units in enumerate(hidden, start=1):
            self.add_module(f"linear{i}", dense(width, units))
            self.add_module(f"activation{i}", activation_layer(activation, negative_slope))
            self.add_module(f"dropout{i}", dropout_layer(dropout))
            width = units
        self.output = dense(width, spec.num_outputs)

    def forward(self, inputs: Tensor, edges: Tensor, nodes: Tensor) -> Tensor:
        """Outputs ``(N, num_outputs)``.

        Args:
            inputs: features of all nodes of the graph ``(nodes, F)``.
            edges: from and to ``(2, E)``, each in both directions, without loops.
            nodes: the numbers of those asked for ``(N,)``.
        """
        graph = () if self.propagation == "none" else normalized(edges, len(inputs))
        x = inputs
        for i in range(1, self.hidden + 1):
            x = getattr(self, f"linear{i}")(x, *graph)
            x = getattr(self, f"dropout{i}")(getattr(self, f"activation{i}")(x))
        outputs: Tensor = self.output(x, *graph)
        return outputs[nodes]
