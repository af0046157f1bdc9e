"""A language model that goes on with a text, as a graph that is given what was kept of the tokens in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from runner.deploy.graph import Graph
from runner.model.base import Network
from runner.model.layers.multihead import Cache

if TYPE_CHECKING:
    from runner.deploy.parent import Parent

FILE = "model_with_past.onnx"

# Tokens of the example, a number unlike that of the texts and of those in front.
_FURTHER = 4


class WithPast(nn.Module):
    """What `Network.follow` of a decoder gives, with the `Cache` as tensors.

    Args:
        network: the decoder.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Outputs at further tokens ``(N, T, num_outputs)``, then keys and values of all tokens, block by block.

        Args:
            given: the further tokens ``(N, T)``, then keys and values of those in front, each ``(N, kv_heads, past,
                D)``.
        """
        tokens, *past = given
        outputs, state = self.network.follow(tokens, Cache.of(list(zip(past[::2], past[1::2], strict=True))))
        return outputs.float(), *_tensors(state)


def _tensors(cache: Cache) -> tuple[Tensor, ...]:
    return tuple(tensor for kept in cache.own for tensor in kept)


def with_past(parent: Parent, whole: Graph) -> Graph | None:
    """The graph that goes on with texts; None where the network is no language model that keeps a `Cache`.

    Names are those of the field: ``past_key_values.0.key`` is given, ``present.0.key`` comes out.

    Args:
        parent: whose network it is.
        whole: the graph of it that reads whole texts.
    """
    network, tokens = whole.module.network, whole.given[0]
    if parent.network.task.name != "tokens" or not isinstance(network, Network):
        return None
    with torch.no_grad():
        _, state = network.follow(tokens)
    if not isinstance(state, Cache):
        return None
    past = _tensors(state)
    names = [f"{block}.{part}" for block in range(len(state.layers)) for part in ("key", "value")]
    batch = {number: name for number, name in whole.free[0].items() if name == "batch"}
    return Graph(
        WithPast(network).eval(),
        ("inputs", *(f"past_key_values.{name}" for name in names)),
        (tokens[:, :_FURTHER].contiguous(), *past),
        (batch | {1: "steps"}, *(batch | {2: "past"} for _ in past)),
        ("outputs", *(f"present.{name}" for name in names)),
    )
