"""Graph attention network."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.layers.activation import Activation, Slope
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.graph import GraphNetwork, Pooling, normalized_exponentials, summed, with_loops

Version = Literal[1, 2]
_SLOPE = 0.2  # of the leaky ReLU within the scores, as in both papers


class GraphAttention(nn.Module):
    """Sums over neighbours, and the node itself, weighted by attention; several heads.

    ``h_i = sum_j alpha_ij W h_j + b`` with ``alpha_ij = softmax_j(e_ij)`` over the edges j to i. Version 1 has
    ``e_ij = LeakyReLU(a^T [W h_i, W h_j])``, whose ranking of neighbours is the same for every node; version 2 has
    ``e_ij = a^T LeakyReLU(W_to h_i + W h_j)``, which has not that limit. An edge of weight w adds ``log w`` to its
    score, so that it counts as w edges.

    Args:
        inputs: features of a node.
        outputs: features that it gives: of all heads side by side, or each head as many with `mean`.
        heads: number of them.
        version: 1 or 2.
        dropout: probability of leaving out an edge of a head, in [0, 1).
        mean: average the heads instead.

    Source: Velickovic et al. 2018, equations 1 to 6; Brody et al. 2022, equation 7.
    """

    def __init__(self, inputs: int, outputs: int, heads: int, version: Version, dropout: float, mean: bool) -> None:
        super().__init__()
        self.heads, self.version, self.mean = heads, version, mean
        width = outputs if mean else outputs // heads
        self.linear = nn.Linear(inputs, heads * width, bias=version == 2)
        if version == 2:
            self.linear_to = nn.Linear(inputs, heads * width)
        self.attention = nn.Parameter(torch.empty(2 if version == 1 else 1, heads, width))
        nn.init.xavier_uniform_(self.attention)
        self.dropout = dropout_layer(dropout)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:
        """Features of all nodes ``(nodes, inputs)`` to ``(nodes, outputs)``.

        Args:
            x: the features.
            edges: from and to ``(2, E)``, with a loop at every node.
            weights: of the edges ``(E,)``.
        """
        number = len(x)
        x_to = self.linear_to(x).unflatten(1, (self.heads, -1)) if self.version == 2 else None
        x = self.linear(x).unflatten(1, (self.heads, -1))  # (nodes, heads, width)
        sent = x[edges[0]]
        if x_to is None:
            to, of = (x * self.attention[:, None]).sum(-1)  # a^T [h_i, h_j] in two halves
            scores = F.leaky_relu(of[edges[0]] + to[edges[1]], _SLOPE)
        else:
            scores = (F.leaky_relu(sent + x_to[edges[1]], _SLOPE) * self.attention[0]).sum(-1)
        shares = normalized_exponentials(scores + weights.log()[:, None], edges[1], number)
        heads = summed(sent * self.dropout(shares)[..., None], edges[1], number)
        return (heads.mean(1) if self.mean else heads.flatten(1)) + self.bias


class GAT(GraphNetwork):
    """Graph attention, each layer but the last followed by activation and dropout; see `GraphNetwork`.

    The last layer averages its heads, the others put them side by side.

    Args:
        spec: facts about the data: features ``(F,)`` of each node of a graph.
        hidden: features of each hidden layer, all heads together: multiples of `heads`.
        heads: attention heads of each layer.
        version: of the attention: 1 (Velickovic et al. 2018) or 2 (Brody et al. 2022).
        activation: activation of the hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        dropout: probability of dropping a hidden feature, in [0, 1).
        attention_dropout: probability of leaving out an edge, drawn for each head, in [0, 1).
        pooling: of whole graphs, how their nodes are put together.

    Raises:
        ConfigError: a width of `hidden` is no multiple of `heads`.

    Source: Velickovic et al. 2018, "Graph Attention Networks"; Brody et al. 2022, "How Attentive are Graph Attention
    Networks?".
    """

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[Annotated[int, Ge(1)], ...] = (64,),
        heads: Annotated[int, Ge(1)] = 8,
        version: Version = 1,
        activation: Activation = "elu",
        negative_slope: Slope = 0.01,
        dropout: DropoutRate = 0.0,
        attention_dropout: DropoutRate = 0.0,
        pooling: Pooling = "mean",
    ) -> None:
        if uneven := [units for units in hidden if units % heads]:
            raise ConfigError(
                f"model.hidden={list(hidden)}: {uneven[0]} features can't be divided among {heads} heads. Expected "
                f"multiples of model.heads, such as {-(-uneven[0] // heads) * heads}."
            )

        def layer(inputs: int, outputs: int, last: bool) -> nn.Module:
            return GraphAttention(inputs, outputs, heads, version, attention_dropout, mean=last)

        super().__init__(spec, hidden, activation, negative_slope, dropout, pooling, layer)

    def prepared(self, nodes: int, edges: Tensor, weights: Tensor | None, degrees: Tensor | None) -> tuple[Tensor, ...]:
        """See `GraphNetwork.prepared`."""
        return with_loops(edges, nodes, weights)
