"""Analytic against numerical gradients, before training."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from runner.diagnostics.observation.network import examples
from runner.engine.state import seed_for
from runner.engine.technique import Slot, Technique
from runner.errors import RunFailed, counted

if TYPE_CHECKING:
    from runner.engine.fit import Fit
    from runner.engine.loss import Loss

# Central differences err by rounding where the step is small and by curvature and kinks where it is large.
STEPS = (1e-4, 1e-5, 1e-6)


def central_difference(function: Callable[[], float], point: Tensor, direction: Tensor, step: float) -> float:
    """``(f(p + h d) - f(p - h d)) / 2h``, the slope of a function along a direction.

    Args:
        function: computes f from `point` as it is.
        point: p, changed in place and put back.
        direction: d, of the same shape.
        step: h.
    """
    with torch.no_grad():
        kept = point.clone()
        point.add_(direction, alpha=step)
        above = function()
        point.copy_(kept).sub_(direction, alpha=step)
        below = function()
        point.copy_(kept)
    return (above - below) / (2 * step)


def relative_error(a: float, b: float) -> float:
    """``|a - b| / max(|a|, |b|)``, and 0 where both are next to nothing."""
    largest = max(abs(a), abs(b))
    return abs(a - b) / largest if largest > 1e-9 else 0.0


def _double(holder: Loss) -> Loss:
    """A copy of a loss whose tensors are float64 on the CPU."""
    twin = copy.copy(holder)
    for name, value in vars(holder).items():
        if isinstance(value, Tensor):
            setattr(twin, name, value.cpu().double() if value.is_floating_point() else value.cpu())
    return twin


class GradientCheck(Technique):
    """Before training, compare the gradients of every parameter with central differences, in float64 on the CPU.

    A copy of the network in training mode is asked, each time with the same seed, so that dropout drops the same units.
    Along random directions in each parameter's space, the slope from the gradients must be that of the loss itself. A
    wrong backward pass of an own layer or loss ends the run here.

    Args:
        tolerance: largest relative error, in (0, 1).
        directions: random directions per parameter, at least 1.
        examples: training examples in the batch, at least 2 (batch normalization needs two).

    Source: Bishop 2006, "Pattern Recognition and Machine Learning", section 5.3.3.
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    not_under: ClassVar[dict[str, str]] = {"fsdp": "it copies the network, of which every process holds a part"}

    def __init__(
        self,
        tolerance: Annotated[float, Gt(0), Lt(1)] = 1e-4,
        directions: Annotated[int, Ge(1)] = 2,
        examples: Annotated[int, Ge(2)] = 8,
    ) -> None:
        self.tolerance, self.directions, self.examples = tolerance, directions, examples

    def setup(self, fit: Fit) -> None:
        """Check.

        Raises:
            RunFailed: the gradient of a parameter is wrong; names it.
        """
        batch = examples(fit, self.examples).to(torch.device("cpu"))
        batch = batch.changed(*(t.double() if t.is_floating_point() else t for t in (batch.inputs, batch.targets)))
        model, loss = copy.deepcopy(fit.model).cpu().double().train(), _double(fit.loss)

        def value() -> Tensor:
            torch.manual_seed(0)
            return loss(model(batch.inputs, **batch.more), batch)

        with torch.random.fork_rng(devices=[]):
            errors = self.errors(model, value)
        name, (error, analytic, numeric) = max(errors.items(), key=lambda item: item[1][0], default=("", (0, 0, 0)))
        if error > self.tolerance:
            raise RunFailed(
                f"diagnostics.gradient_check: the gradient of {name} is wrong: along a random direction it gives "
                f"{analytic:.6g}, central differences of the loss give {numeric:.6g} (relative error {error:.1g}, "
                f"allowed {self.tolerance:g}). Look at the backward pass of that layer and of those behind it."
            )
        fit.progress.message(
            f"gradient check: analytic gradients of {counted(len(errors), 'parameter')} agree with central "
            f"differences; the largest relative error is {error:.1g}, of {name}."
        )

    def errors(self, model: nn.Module, value: Callable[[], Tensor]) -> dict[str, tuple[float, float, float]]:
        """The worst relative error of each parameter, with the analytic and the numerical slope.

        Args:
            model: in float64; put back as it was.
            value: the loss of `model`, the same at every call.
        """
        parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        gradients = torch.autograd.grad(value(), list(parameters.values()), allow_unused=True, materialize_grads=True)
        generator = torch.Generator().manual_seed(seed_for(0, "check"))
        errors = {}
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
            worst = (-1.0, 0.0, 0.0)
            for _ in range(self.directions):
                direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                direction /= direction.norm()
                analytic = float((gradient * direction).sum())
                worst = max(worst, self._compare(lambda: float(value()), parameter.data, direction, analytic))
            errors[name] = worst
        return errors

    def _compare(
        self, function: Callable[[], float], point: Tensor, direction: Tensor, analytic: float
    ) -> tuple[float, float, float]:
        best = (math.inf, analytic, math.nan)
        for step in STEPS:
            numeric = central_difference(function, point, direction, step)
            best = min(best, (relative_error(analytic, numeric), analytic, numeric))
            if best[0] <= self.tolerance:
                break
        return best
