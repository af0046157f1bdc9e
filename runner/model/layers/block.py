"""The block of transformers: attention, to a memory as well where there is one, and a feed-forward layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from runner.errors import ConfigError
from runner.model.base import Residual
from runner.model.layers.dropout import dropout_layer, stochastic_depth
from runner.model.layers.multihead import Attention, LayerCache
from runner.model.layers.normalization import dense_norm

FeedForwardActivation = Literal["gelu", "relu", "swiglu"]
BlockNorm = Literal["layer", "rms"]
NormOrder = Literal["pre", "post"]


@dataclass(frozen=True)
class BlockParts:
    """What all blocks of a transformer share.

    Attributes:
        hidden: numbers of a token, a multiple of `heads`.
        heads: of attention.
        kv_heads: heads of keys and values, a divisor of `heads`; None: as many.
        units: of the feed-forward layer; None: 4 `hidden`, and with swiglu, which has three matrices in place of two,
            two thirds of that.
        activation: of the feed-forward layer.
        norm: normalization of each token by itself.
        norm_order: whether it stands in front of each branch (pre) or behind each sum (post).
        dropout: probability of dropping an attention weight, and a number at the end of each branch, in [0, 1).

    Raises:
        ConfigError: the numbers of heads do not fit.
    """

    hidden: int
    heads: int
    kv_heads: int | None = None
    units: int | None = None
    activation: FeedForwardActivation = "gelu"
    norm: BlockNorm = "layer"
    norm_order: NormOrder = "pre"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.hidden % self.heads:
            raise ConfigError(f"model.hidden={self.hidden}: expected a multiple of model.heads={self.heads}.")
        if self.heads % (self.kv_heads or self.heads):
            raise ConfigError(f"model.kv_heads={self.kv_heads}: expected a divisor of model.heads={self.heads}.")

    def attention(self, cross: bool = False) -> Attention:
        """An attention of these parts."""
        return Attention(self.hidden, self.heads, self.kv_heads or self.heads, self.dropout, cross)


class FeedForward(Residual):
    """``W₂ act(W₁ x)``, or with swiglu ``W₂ (silu(W₁ x) * V x)``, where W₁ and V lie in one matrix.

    Source: Vaswani et al. 2017, equation 2; Shazeer 2020, "GLU Variants Improve Transformer", equation 6.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("linear2",)

    def __init__(self, parts: BlockParts) -> None:
        super().__init__()
        self.activation = parts.activation
        gated = parts.activation == "swiglu"
        units = parts.units or (8 * parts.hidden // 3 if gated else 4 * parts.hidden)
        self.linear1 = nn.Linear(parts.hidden, 2 * units if gated else units)
        self.linear2 = nn.Linear(units, parts.hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Each token by itself: ``(N, T, hidden)`` to the same shape."""
        x = self.linear1(x)
        if self.activation == "swiglu":
            a, b = x.chunk(2, -1)
            x = F.silu(a) * b
        else:
            x = F.gelu(x) if self.activation == "gelu" else F.relu(x)
        return self.linear2(x)  # type: ignore[no-any-return]


class TransformerBlock(nn.Module):
    """Attention, attention to a memory where `cross`, and a feed-forward layer, each beside a shortcut.

    Args:
        parts: what it is made of.
        cross: whether it looks at a memory.
        drop: probability that an example's branch is left out in training.

    Source: Vaswani et al. 2017, section 3.1 (post); Radford et al. 2019, "Language Models are Unsupervised Multitask
    Learners", section 2.3 (pre).
    """

    def __init__(self, parts: BlockParts, cross: bool = False, drop: float = 0.0) -> None:
        super().__init__()
        self.pre = parts.norm_order == "pre"
        self.attention, self.norm1 = parts.attention(), dense_norm(parts.norm, parts.hidden)
        self.cross, self.norm2 = None, None
        if cross:
            self.cross, self.norm2 = parts.attention(cross=True), dense_norm(parts.norm, parts.hidden)
        self.feed_forward, self.norm3 = FeedForward(parts), dense_norm(parts.norm, parts.hidden)
        self.dropout = dropout_layer(parts.dropout)
        self.drop = stochastic_depth(drop)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        causal: bool = False,
        rotation: tuple[Tensor, Tensor] | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """Tokens ``(N, T, hidden)`` to the same shape; see `Attention.forward`."""
        own, kept = (None, None) if cache is None else (cache.own, cache.memory)
        y = self.norm1(x) if self.pre else x
        x = x + self._branch(self.attention(y, mask=mask, causal=causal, rotation=rotation, cache=own))
        x = x if self.pre else self.norm1(x)
        if self.cross is not None and self.norm2 is not None:
            y = self.norm2(x) if self.pre else x
            x = x + self._branch(self.cross(y, memory, mask=memory_mask, cache=kept))
            x = x if self.pre else self.norm2(x)
        y = self.norm3(x) if self.pre else x
        x = x + self._branch(self.feed_forward(y))
        return x if self.pre else self.norm3(x)

    def _branch(self, y: Tensor) -> Tensor:
        return self.drop(self.dropout(y))  # type: ignore[no-any-return]
