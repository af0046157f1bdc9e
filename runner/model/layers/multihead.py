"""Attention among tokens in several heads, and what it keeps of the tokens that it has read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runner.model.base import Residual
from runner.model.layers.positions import rotated


class KeyValues:
    """Keys and values of the tokens that one attention has read, each ``(N, kv_heads, T, D)``; at first none."""

    def __init__(self) -> None:
        self.kept: tuple[Tensor, Tensor] | None = None

    @property
    def length(self) -> int:
        """Tokens that were read. No `len`, which would make a number of what an exported graph leaves open."""
        return 0 if self.kept is None else self.kept[0].shape[2]

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep those of further tokens; all of them, in order."""
        if self.kept is not None:
            keys, values = torch.cat((self.kept[0], keys), 2), torch.cat((self.kept[1], values), 2)
        self.kept = keys, values
        return self.kept

    def take(self, rows: Tensor) -> None:
        """Go on with these examples ``(M,)``, one of them perhaps more than once, as beam search does."""
        if self.kept is not None:
            self.kept = self.kept[0][rows], self.kept[1][rows]


class LayerCache:
    """What a block has read: of its own tokens, and of the memory."""

    def __init__(self) -> None:
        self.own, self.memory = KeyValues(), KeyValues()


class Cache:
    """What a transformer has read, so that the next token costs one step.

    Args:
        layers: of the transformer.
    """

    def __init__(self, layers: int) -> None:
        self.layers = [LayerCache() for _ in range(layers)]

    @classmethod
    def of(cls, own: Sequence[tuple[Tensor, Tensor]]) -> Cache:
        """That of a transformer without a memory, from keys and values of each layer; see `own`."""
        made = cls(len(own))
        for layer, kept in zip(made.layers, own, strict=True):
            layer.own.kept = kept
        return made

    @property
    def own(self) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer, each ``(N, kv_heads, T, D)``; nothing where no tokens were read."""
        return [layer.own.kept for layer in self.layers if layer.own.kept is not None]

    @property
    def length(self) -> int:
        """Tokens that were read."""
        return self.layers[0].own.length

    def take(self, rows: Tensor) -> None:
        """See `KeyValues.take`."""
        for layer in self.layers:
            layer.own.take(rows)
            layer.memory.take(rows)


class Attention(Residual):
    """Scaled dot-product attention in several heads: ``concat_h(softmax(q_h k_hᵀ / √D) v_h) W``.

    Heads of queries may share keys and values in equal groups, which makes both and their cache smaller.

    Args:
        hidden: numbers of a token, a multiple of `heads`.
        heads: of queries, each with ``D = hidden / heads`` numbers.
        kv_heads: of keys and values; a divisor of `heads`.
        dropout: probability of dropping an attention weight.
        cross: whether keys and values are those of other tokens (the memory) than queries.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2; Ainslie et al. 2023, "GQA: Training
    Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", for shared heads.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("output",)

    def __init__(self, hidden: int, heads: int, kv_heads: int, dropout: float, cross: bool = False) -> None:
        super().__init__()
        self.width = hidden // heads
        self.sizes = (hidden, self.width * kv_heads, self.width * kv_heads)
        self.query = nn.Linear(hidden, hidden) if cross else None
        self.inner = nn.Linear(hidden, sum(self.sizes[1:] if cross else self.sizes))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, hidden)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        rotation: tuple[Tensor, Tensor] | None = None,
        cache: KeyValues | None = None,
    ) -> Tensor:
        """What each token takes from those that it may see: ``(N, T, hidden)`` to the same shape.

        Args:
            x: the tokens.
            memory: the tokens that are looked at ``(N, S, hidden)``, for which the attention was made (`cross`).
            mask: which tokens may be looked at, True where they may: broadcastable to ``(N, heads, T, S)``.
            causal: whether each may look at itself and at those in front of it only; then without a mask.
            rotation: see `rotated`; turns queries and keys.
            cache: what was read before, which is looked at too; `x` is added to it. Of a memory, keys and values are
                made once.
        """
        if self.query is None:
            query, keys, values = (self._heads(part) for part in self.inner(x).split(self.sizes, -1))
            if rotation is not None:
                query, keys = rotated(query, rotation), rotated(keys, rotation)
            before = 0 if cache is None else cache.length
            if cache is not None:
                keys, values = cache.append(keys, values)
            if causal and before:  # torch's own mask counts from the first key
                causal, steps = False, query.shape[2]
                if steps > 1:
                    mask = torch.ones(steps, before + steps, dtype=torch.bool, device=x.device).tril(before)
        else:
            query = self._heads(self.query(x))
            if cache is not None and cache.kept is not None:
                keys, values = cache.kept
            else:
                assert memory is not None
                keys, values = (self._heads(part) for part in self.inner(memory).split(self.sizes[1:], -1))
                if cache is not None:
                    cache.append(keys, values)
        taken = F.scaled_dot_product_attention(
            query,
            keys,
            values,
            mask,
            dropout_p=self.dropout.p if self.dropout.training else 0.0,
            is_causal=causal,
            enable_gqa=self.sizes[0] != self.sizes[1],
        )
        outputs: Tensor = self.output(taken.transpose(1, 2).flatten(2))
        return outputs

    def _heads(self, x: Tensor) -> Tensor:
        """``(N, T, heads * D)`` to ``(N, heads, T, D)``."""
        return x.unflatten(-1, (-1, self.width)).transpose(1, 2)  # type: ignore[no-any-return]
