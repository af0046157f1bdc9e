"""GraphSAGE."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.model.layers.activation import Activation, Slope
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.graph import GraphNetwork, Pooling, averaged, largest

Aggregator = Literal["mean", "pool"]


class SampleAndAggregate(nn.Module):
    """``W [h_v, AGG(h_u : u -> v)] + b``; of a node without neighbours AGG is 0.

    Args:
        inputs: features of a node.
        outputs: features that it gives.
        aggregator: ``mean``, or ``pool``: the largest of ``ReLU(W_pool h_u + b_pool)``, feature by feature.
        normalize: scale each node's outputs to length 1.

    Source: Hamilton et al. 2017, algorithm 1 and equation 3.
    """

    def __init__(self, inputs: int, outputs: int, aggregator: Aggregator, normalize: bool) -> None:
        super().__init__()
        self.normalize = normalize
        self.linear_self = nn.Linear(inputs, outputs)
        self.pool = nn.Linear(inputs, outputs) if aggregator == "pool" else None
        self.linear = nn.Linear(inputs if self.pool is None else outputs, outputs, bias=False)

    def forward(self, x: Tensor, edges: Tensor, *weights: Tensor) -> Tensor:
        """Features of all nodes ``(nodes, inputs)`` to ``(nodes, outputs)``.

        Args:
            x: the features.
            edges: from and to ``(2, E)``.
            weights: of the edges ``(E,)``, where they have some.
        """
        if self.pool is None:  # the mean of products is the product of the mean, and narrower rows travel
            around = averaged(self.linear(x)[edges[0]], edges[1], len(x), *weights)
        else:
            around = self.linear(largest(self.pool(x).relu()[edges[0]], edges[1], len(x)))
        out = self.linear_self(x) + around
        return F.normalize(out, dim=1) if self.normalize else out


class GraphSAGE(GraphNetwork):
    """GraphSAGE layers, each but the last followed by activation and dropout; see `GraphNetwork`.

    With `data.neighbours` each batch sees a sample of the neighbours of its nodes, as in the paper.

    Args:
        spec: facts about the data: features ``(F,)`` of each node of a graph.
        hidden: features of each hidden layer; every layer reaches one edge further.
        aggregator: ``mean`` of the neighbours, or ``pool``: the largest of what a dense layer makes of each.
        normalize: scale the outputs of each hidden layer to length 1, node by node, as the paper's algorithm 1 does.
        activation: activation of the hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        dropout: probability of dropping a hidden feature, in [0, 1).
        pooling: of whole graphs, how their nodes are put together.

    Source: Hamilton et al. 2017, "Inductive Representation Learning on Large Graphs", algorithm 1.
    """

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[Annotated[int, Ge(1)], ...] = (64,),
        aggregator: Aggregator = "mean",
        normalize: bool = False,
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        dropout: DropoutRate = 0.0,
        pooling: Pooling = "mean",
    ) -> None:
        def layer(inputs: int, outputs: int, last: bool) -> nn.Module:
            return SampleAndAggregate(inputs, outputs, aggregator, normalize and not last)

        super().__init__(spec, hidden, activation, negative_slope, dropout, pooling, layer)

    def prepared(self, nodes: int, edges: Tensor, weights: Tensor | None, degrees: Tensor | None) -> tuple[Tensor, ...]:
        """See `GraphNetwork.prepared`."""
        return (edges,) if weights is None else (edges, weights)
