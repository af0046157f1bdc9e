"""The stack of blocks that encoders and decoders share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from runner.errors import ConfigError
from runner.model.base import Residual
from runner.model.layers.block import BlockParts, TransformerBlock
from runner.model.layers.dropout import dropout_layer
from runner.model.layers.multihead import Cache
from runner.model.layers.normalization import dense_norm
from runner.model.layers.positions import Positions, rotation, sinusoids


class Transformer(nn.Module):
    """Positions, blocks and, behind them where the order is pre, a normalization.

    A network around it draws its weights with `draw`.

    Args:
        parts: what the blocks are made of.
        layers: number of blocks.
        positions: how tokens are told where they stand: learned vectors, or sines of `Vaswani et al. 2017`, are added
            to them (sines to √hidden times the tokens), queries and keys are turned (rotary), or not at all.
        context: tokens that are read at once, at most, where positions are learned.
        causal: whether each token looks at itself and those in front of it only.
        cross: whether blocks look at a memory.
        stochastic_depth: probability of leaving out an example's branch in the last block; in block l of L, l / L of
            it, in [0, 1).

    Raises:
        ConfigError: numbers that do not fit.
    """

    def __init__(
        self,
        parts: BlockParts,
        layers: int,
        positions: Positions,
        context: int,
        *,
        causal: bool,
        cross: bool = False,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        self.positions, self.causal, self.width = positions, causal, parts.hidden // parts.heads
        if positions == "rotary" and self.width % 2:
            raise ConfigError(
                f"model.positions=rotary: turns pairs of numbers, and each of model.heads={parts.heads} heads has "
                f"{self.width} of model.hidden={parts.hidden}. Expected an even number."
            )
        self.table = nn.Embedding(context, parts.hidden) if positions == "learned" else None
        self.dropout = dropout_layer(parts.dropout)
        drops = [stochastic_depth * layer / layers for layer in range(1, layers + 1)]
        self.blocks = nn.ModuleList(TransformerBlock(parts, cross, drop) for drop in drops)
        self.norm = dense_norm(parts.norm, parts.hidden) if parts.norm_order == "pre" else nn.Identity()

    def cache(self) -> Cache:
        """An empty one, for `forward`."""
        return Cache(len(self.blocks))

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        *,
        memory: Tensor | None = None,
        memory_lengths: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Embedded tokens ``(N, T, hidden)`` to the same shape.

        Args:
            x: the tokens, padded at their ends; what stands behind an end changes nothing in front of it.
            lengths: tokens of each ``(N,)``, at least 1; None: all. Not needed where attention is causal.
            memory: what blocks look at beside ``(N, S, hidden)``, where they were made for it.
            memory_lengths: likewise of the memory.
            cache: what was read in front of `x`, to which it is added; for causal attention.

        Raises:
            ConfigError: positions are learned, and there are more tokens than positions.
        """
        first = 0 if cache is None else cache.length
        places = torch.arange(first, first + x.shape[1], device=x.device)
        if self.table is not None:
            steps = first + x.shape[1]
            if not torch.compiler.is_exporting() and steps > self.table.num_embeddings:  # a graph's lookup refuses them
                raise ConfigError(
                    f"model.context={self.table.num_embeddings}: with model.positions=learned no text can be longer, "
                    f"and one has {steps:,} tokens. Take model.context={steps}, or model.positions=rotary."
                )
            x = x + self.table(places)
        elif self.positions == "sinusoidal":
            x = x * math.sqrt(x.shape[-1]) + sinusoids(places, x.shape[-1]).to(x.dtype)
        turned = rotation(places, self.width) if self.positions == "rotary" else None
        mask = None if self.causal else inside(lengths, x)
        memory_mask = None if memory is None else inside(memory_lengths, memory)
        x = self.dropout(x)
        for number, block in enumerate(self.blocks):
            x = block(
                x,
                memory,
                mask=mask,
                memory_mask=memory_mask,
                causal=self.causal,
                rotation=turned,
                cache=None if cache is None else cache.layers[number],
            )
        return self.norm(x)  # type: ignore[no-any-return]


def inside(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    """Which tokens of ``(N, T, hidden)`` there are, as a mask of attention ``(N, 1, 1, T)``; None: all."""
    if lengths is None:
        return None
    return (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[:, None, None]


def draw(network: nn.Module, std: float = 0.02) -> None:
    """Draw the weights of a network with transformer blocks as their papers do, biases zero.

    Dense layers and embeddings are drawn from N(0, std²) within two σ, those at the ends of the network's n residual
    branches with std/√n.

    Source: Devlin et al. 2019, "BERT", for 0.02; Radford et al. 2019, section 2.3, for residual branches.
    """
    modules = list(network.modules())
    branches = [module for module in modules if isinstance(module, Residual)]
    ends = {branch.get_submodule(name) for branch in branches for name in branch.residual_ends}
    for module in modules:
        if isinstance(module, nn.Linear | nn.Embedding):
            scale = std / math.sqrt(len(ends)) if module in ends else std
            nn.init.trunc_normal_(module.weight, 0.0, scale, -2 * scale, 2 * scale)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
