"""Training that knows of the eight bits that come after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def fake_quantized(x: Tensor, scale: Tensor, zero_point: Tensor, low: int, high: int) -> Tensor:
    """``s (clamp(round(x / s) + z, low, high) - z)``: the nearest number that so many bits can tell.

    The gradient goes straight through the rounding, and is zero where x lies outside of the grid.

    Args:
        x: of any shape; computed in float32.
        scale: s, broadcastable to `x`.
        zero_point: z, likewise; whole.
        low: of the whole numbers that there are.
        high: likewise.

    Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", equation 12; Bengio et al. 2013, "Estimating or Propagating Gradients Through Stochastic Neurons", for
    the gradient.
    """
    x = x.float()
    with torch.no_grad():
        whole = (x / scale).round() + zero_point
        inside = (whole >= low) & (whole <= high)
        nearest = (whole.clamp(low, high) - zero_point) * scale
    passed = x * inside
    return passed + (nearest - passed).detach()


def fake_quantized_weight(weight: Tensor) -> Tensor:
    """A weight ``(rows, ...)`` on the grid of int8, symmetric, with a scale for each row: ``s = max|w| / 127``.

    What a batch normalization behind it multiplies a row by moves the grid with the row, so nothing need be folded.
    """
    largest = weight.detach().abs().flatten(1).amax(1).view(-1, *(1,) * (weight.ndim - 1)).float()
    scale = torch.where(largest > 0, largest / 127, torch.ones_like(largest))
    return fake_quantized(weight, scale, torch.zeros_like(scale), -127, 127)


def fake_quantized_input(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Inputs on the grid of uint8 over ``[min(low, 0), max(high, 0)]``, in which zero is a number of its own.

    Args:
        x: of any shape.
        low: the least that is expected ``()``.
        high: the largest ``()``.
    """
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = torch.where(high > low, (high - low) / 255, torch.ones_like(high))
    return fake_quantized(x, scale, (-low / scale).round(), 0, 255)


class _FakeQuantized:
    """What the layers below have in common; `low` and `high` are buffers that no state dict of the network has."""

    weight: Tensor
    low: Tensor
    high: Tensor
    training: bool
    momentum: float

    def watch(self, momentum: float) -> None:
        device = next(self.parameters()).device  # type: ignore[attr-defined]
        self.momentum = momentum
        for name in ("low", "high"):
            self.register_buffer(name, torch.zeros((), device=device), persistent=False)  # type: ignore[attr-defined]

    def seen(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                low, high = (end.float() for end in x.detach().aminmax())
                first = self.low == self.high  # nothing was seen, or but one number
                self.low.copy_(torch.where(first, low, self.low.lerp(low, self.momentum)))
                self.high.copy_(torch.where(first, high, self.high.lerp(high, self.momentum)))
        return fake_quantized_input(x, self.low, self.high)


class _Dense(_FakeQuantized, nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.seen(x), fake_quantized_weight(self.weight), self.bias)


class _Conv1d(_FakeQuantized, nn.Conv1d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(self.seen(x), fake_quantized_weight(self.weight), self.bias)  # type: ignore[no-any-return]


class _Conv2d(_FakeQuantized, nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(self.seen(x), fake_quantized_weight(self.weight), self.bias)  # type: ignore[no-any-return]


class _Conv3d(_FakeQuantized, nn.Conv3d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(self.seen(x), fake_quantized_weight(self.weight), self.bias)  # type: ignore[no-any-return]


def _rounded(name: str) -> Any:
    return property(lambda layer: fake_quantized_weight(layer._parameters[name]))


class _Projection(nn.modules.linear.NonDynamicallyQuantizableLinear):
    """The last part of torch's attention, which takes its weight without calling it."""

    weight = _rounded("weight")


class _Attention(_FakeQuantized, nn.MultiheadAttention):
    in_proj_weight = _rounded("in_proj_weight")

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *more: Any, **named: Any) -> Any:
        seen = {id(x): self.seen(x) for x in (query, key, value)}
        return super().forward(seen[id(query)], seen[id(key)], seen[id(value)], *more, **named)


_LAYERS: dict[type[nn.Module], Any] = {
    nn.Linear: _Dense,
    nn.Conv1d: _Conv1d,
    nn.Conv2d: _Conv2d,
    nn.Conv3d: _Conv3d,
    nn.MultiheadAttention: _Attention,
}


class QAT(Technique):
    """Train on the grid of int8, which ``python -m runner quantize --method static`` puts the network on afterwards.

    In the forward pass weights and inputs of dense and convolutional layers are rounded as they will be: weights to
    int8 by row, inputs to uint8 over a range that follows the least and the largest of each batch. The weights that are
    updated, and kept, are those before the rounding. Scores of the run are those of the rounded network; what is loaded
    from its checkpoint is not rounded.

    Args:
        momentum: what a batch counts in the moving average of the range, in (0, 1].
        batch_norm_until: share of the epochs in which batch normalization takes the statistics of the batch, in [0, 1];
            in those behind, it takes the averages, as in evaluation, and they stay as they are.

    Raises:
        ConfigError: the network has no dense or convolutional layer.

    Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", section 3; Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference",
    section 3.2, for batch normalization.
    """

    slot: ClassVar[Slot] = Slot.MODEL
    not_under: ClassVar[dict[str, str]] = {"fsdp": "it rounds whole weights, and every process holds a part of them"}

    def __init__(
        self,
        momentum: Annotated[float, Gt(0), Le(1)] = 0.01,
        batch_norm_until: Annotated[float, Ge(0), Le(1)] = 1.0,
    ) -> None:
        self.momentum, self.batch_norm_until = momentum, batch_norm_until

    def setup(self, fit: Fit) -> None:
        """Make the layers round."""
        self.layers: dict[str, Any] = {}
        for name, module in fit.model.named_modules():
            if type(module) is nn.modules.linear.NonDynamicallyQuantizableLinear:
                module.__class__ = _Projection
            elif type(module) in _LAYERS:
                module.__class__ = _LAYERS[type(module)]
                self.layers[name] = module
                self.layers[name].watch(self.momentum)
        if not self.layers:
            raise ConfigError("compression=qat: this network has no dense or convolutional layer, which it is for.")
        self.norms = [module for module in fit.model.modules() if isinstance(module, _BatchNorm)]
        self.epochs = fit.plan.epochs

    def on_epoch_start(self, epoch: int) -> None:
        """Let batch normalization be as in evaluation, late in training."""
        if epoch > self.batch_norm_until * self.epochs:
            for norm in self.norms:
                norm.eval()

    def state_dict(self) -> dict[str, Any]:
        """The ranges of inputs."""
        return {"ranges": {name: (layer.low, layer.high) for name, layer in self.layers.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        for name, (low, high) in state["ranges"].items():
            self.layers[name].low.copy_(low)
            self.layers[name].high.copy_(high)
