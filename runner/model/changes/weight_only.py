"""Weights of eight bits, arithmetic as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runner.errors import ConfigError
from runner.model.changes.change import Change


def quantized(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers and a scale for each row: ``s = max|w| / 127``, ``q = round(w / s)``.

    Args:
        weight: ``(rows, ...)``.

    Returns:
        ``q`` int8 of the same shape, in [-127, 127], and ``s`` ``(rows,)``; of a row of zeros 1.

    Source: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 2.2.
    """
    largest = weight.abs().flatten(1).amax(1)
    scale = torch.where(largest > 0, largest / 127, torch.ones_like(largest))
    return (weight / _by_row(scale, weight)).round().to(torch.int8), scale


def _by_row(scale: Tensor, weight: Tensor) -> Tensor:
    return scale.view(-1, *(1,) * (weight.ndim - 1))


def _weight(layer: Any) -> Tensor:
    return layer.int8.to(layer.scale.dtype) * _by_row(layer.scale, layer.int8)  # type: ignore[no-any-return]


class _Dense(nn.Linear):
    """``y = s ⊙ (q x) + b``: nothing as large as the weight is multiplied but once."""

    weight = property(_weight)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        outputs = F.linear(x, self.int8.to(x.dtype)) * self.scale
        return outputs if self.bias is None else outputs + self.bias


class _Projection(nn.modules.linear.NonDynamicallyQuantizableLinear):
    weight = property(_weight)  # type: ignore[assignment]


class _Embedding(nn.Embedding):
    """Of the table only the rows that are asked for are made."""

    weight = property(_weight)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        return self.int8[x].to(self.scale.dtype) * self.scale[x][..., None]  # type: ignore[no-any-return,index]


class _Conv1d(nn.Conv1d):
    weight = property(_weight)  # type: ignore[assignment]


class _Conv2d(nn.Conv2d):
    weight = property(_weight)  # type: ignore[assignment]


class _Conv3d(nn.Conv3d):
    weight = property(_weight)  # type: ignore[assignment]


class _Attention(nn.MultiheadAttention):
    in_proj_weight = property(_weight)  # type: ignore[assignment]


# Each of torch's layers, what it becomes, and the weight that is kept in eight bits.
_LAYERS: dict[type[nn.Module], tuple[type[nn.Module], str]] = {
    nn.Linear: (_Dense, "weight"),
    nn.modules.linear.NonDynamicallyQuantizableLinear: (_Projection, "weight"),
    nn.Embedding: (_Embedding, "weight"),
    nn.Conv1d: (_Conv1d, "weight"),
    nn.Conv2d: (_Conv2d, "weight"),
    nn.Conv3d: (_Conv3d, "weight"),
    nn.MultiheadAttention: (_Attention, "in_proj_weight"),
}


@dataclass(frozen=True)
class WeightOnly(Change):
    """Weights of dense layers, convolutions, embeddings and attention become int8 numbers with a scale for each row.

    They are made floating-point again where they are used: the arithmetic, and with it gradients of inputs and what a
    text's cache keeps, stays as it was. A state dict has ``int8`` and ``scale`` in the place of ``weight``; weights
    that layers share stay shared. Recurrent layers keep theirs.
    """

    trainable: ClassVar[bool] = False

    def apply(self, model: nn.Module) -> None:
        """See `Change.apply`."""
        made: dict[int, tuple[nn.Parameter, Tensor]] = {}  # by the weight: what is shared is made once
        kept = []
        for module in model.modules():
            kind, name = _LAYERS.get(type(module), (None, ""))
            weight = module._parameters.get(name)
            if kind is None or weight is None or getattr(module, "max_norm", None) is not None:
                continue
            if id(weight) not in made:
                int8, scale = quantized(weight.detach())
                made[id(weight)] = nn.Parameter(int8, requires_grad=False), scale
                kept.append(weight)  # as long as its number stands for it
            delattr(module, name)
            module.__class__ = kind
            module.int8, scale = made[id(weight)]
            module.register_buffer("scale", scale)
        if not made:
            raise ConfigError(
                "weight_only: this network has no dense layer, convolution or embedding whose weights could be of eight "
                "bits."
            )
