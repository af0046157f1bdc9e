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


def _made(layer: Any, name: str) -> Tensor:
    """A weight as floating-point numbers."""
    int8, scale = getattr(layer, f"{name}_int8"), getattr(layer, f"{name}_scale")
    return int8.to(scale.dtype) * _by_row(scale, int8)  # type: ignore[no-any-return]


def _weight(name: str) -> Any:
    """In the place of the attribute that a parameter was."""
    return property(lambda layer: _made(layer, name))


class _Dense(nn.Linear):
    """``y = s ⊙ (q x) + b``: the scale is multiplied with the outputs, which are fewer than the weights."""

    weight = _weight("weight")
    weight_int8: Tensor
    weight_scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        outputs = F.linear(x, self.weight_int8.to(x.dtype)) * self.weight_scale
        return outputs if self.bias is None else outputs + self.bias


class _Projection(nn.modules.linear.NonDynamicallyQuantizableLinear):
    weight = _weight("weight")


class _Embedding(nn.Embedding):
    """Of the table only the rows that are asked for are made."""

    weight = _weight("weight")
    weight_int8: Tensor
    weight_scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        int8, scale = self.weight_int8, self.weight_scale
        return int8[x].to(scale.dtype) * scale[x][..., None]


class _Conv1d(nn.Conv1d):
    weight = _weight("weight")


class _Conv2d(nn.Conv2d):
    weight = _weight("weight")


class _Conv3d(nn.Conv3d):
    weight = _weight("weight")


class _Attention(nn.MultiheadAttention):
    in_proj_weight = _weight("in_proj_weight")


class _Recurrent(nn.RNNBase):
    """What the layers below have in common: torch reads their weights from a list."""

    @property
    def _flat_weights(self) -> list[Any]:
        own = self._parameters
        return [getattr(self, name) if name in own else _made(self, name) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, _: list[Any]) -> None:
        pass  # torch lists them anew where the layer is moved


class _RNN(_Recurrent, nn.RNN):
    pass


class _LSTM(_Recurrent, nn.LSTM):
    pass


class _GRU(_Recurrent, nn.GRU):
    pass


# Each of torch's layers, and what it becomes.
_LAYERS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: _Dense,
    nn.modules.linear.NonDynamicallyQuantizableLinear: _Projection,
    nn.Embedding: _Embedding,
    nn.Conv1d: _Conv1d,
    nn.Conv2d: _Conv2d,
    nn.Conv3d: _Conv3d,
    nn.MultiheadAttention: _Attention,
    nn.RNN: _RNN,
    nn.LSTM: _LSTM,
    nn.GRU: _GRU,
}


def _kept_in_eight_bits(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights of a layer that are, by name."""
    if type(module) not in _LAYERS or getattr(module, "max_norm", None) is not None:
        return []
    own = dict(module.named_parameters(recurse=False))
    if isinstance(module, nn.MultiheadAttention) and "in_proj_weight" not in own:  # in three parts
        return []
    return [(name, weight) for name, weight in own.items() if "weight" in name and weight.ndim > 1]


@dataclass(frozen=True)
class WeightOnly(Change):
    """Weights of dense, convolutional, embedding, attention and recurrent layers become int8 with a scale for each row.

    They are made floating-point again where they are used: the arithmetic, and with it gradients of inputs and what a
    text's cache keeps, stays as it was. A state dict has ``weight_int8`` and ``weight_scale`` in the place of
    ``weight``: plain tensors, which no version of a library must know. Weights that layers share stay shared.
    """

    trainable: ClassVar[bool] = False

    def apply(self, model: nn.Module) -> None:
        """See `Change.apply`."""
        found = [(module, *entry) for module in model.modules() for entry in _kept_in_eight_bits(module)]
        if not found:
            raise ConfigError("weight_only: this network has no layer whose weights could be of eight bits.")
        made: dict[nn.Parameter, tuple[nn.Parameter, Tensor]] = {}  # what is shared is made once
        for module, name, weight in found:
            if weight not in made:
                int8, scale = quantized(weight.detach())
                made[weight] = nn.Parameter(int8, requires_grad=False), scale
            int8, scale = made[weight]
            delattr(module, name)
            module.register_parameter(f"{name}_int8", int8)
            module.register_buffer(f"{name}_scale", scale)
        for module in {module for module, _, _ in found}:
            module.__class__ = _LAYERS[type(module)]
            module.__dict__.pop("_flat_weights", None)  # a recurrent layer's list of what it had
