"""A learning rate that goes up and down between two bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from runner.engine.schedule import By, Schedule

RISES = 10  # that a run is long, when step_size_up is left open


class Cyclic(Schedule):
    """``lr(t) = base + (max - base) * height(t) * scale``: triangles between two bounds, momentum the other way round.

    As ``torch.optim.lr_scheduler.CyclicLR``. Past the end of the run the cycles go on.

    Args:
        base_lr: lower bound, above 0; None: a tenth of the optimizer's rate.
        max_lr: upper bound, above 0; None: the optimizer's rate. Groups with a rate of their own get both bounds in
            proportion.
        step_size_up: length of a rise in units of `by`; None: a tenth of the run.
        step_size_down: length of a fall; None: that of the rise.
        mode: ``triangular`` (scale 1), ``triangular2`` (scale halves with each cycle), ``exp_range`` (scale
            ``gamma ** t``).
        gamma: base of ``exp_range``, above 0.
        cycle_momentum: whether momentum (or the first beta) goes the other way, where the optimizer has it.
        base_momentum: momentum at the upper bound of the rate, in [0, 1).
        max_momentum: momentum at the lower bound of the rate, in [0, 1).
        by: unit of the position.

    Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.
    """

    def __init__(
        self,
        base_lr: Annotated[float, Gt(0)] | None = None,
        max_lr: Annotated[float, Gt(0)] | None = None,
        step_size_up: Annotated[int, Ge(1)] | None = None,
        step_size_down: Annotated[int, Ge(1)] | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: Annotated[float, Gt(0)] = 1.0,
        cycle_momentum: bool = True,
        base_momentum: Annotated[float, Ge(0), Lt(1)] = 0.8,
        max_momentum: Annotated[float, Ge(0), Lt(1)] = 0.9,
        by: By = "step",
    ) -> None:
        self.base_lr, self.max_lr, self.mode, self.gamma, self.by = base_lr, max_lr, mode, gamma, by
        self.step_size_up, self.step_size_down = step_size_up, step_size_down
        self.cycle_momentum, self.base_momentum, self.max_momentum = cycle_momentum, base_momentum, max_momentum

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in the length of a cycle and how its bounds relate to the optimizer's rate."""
        self.up = self.step_size_up or max(1, round(total / RISES))
        self.down = self.step_size_down or self.up
        self.low_share = self.base_lr / base_lr if self.base_lr is not None else 0.1
        self.high_share = self.max_lr / base_lr if self.max_lr is not None else 1.0

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        low, high = base_lr * self.low_share, base_lr * self.high_share
        return low + (high - low) * self._height(t)

    def momentum(self, t: int) -> float:
        """Momentum at position `t`."""
        return self.max_momentum - (self.max_momentum - self.base_momentum) * self._height(t)

    def _height(self, t: int) -> float:
        """How far the curve is from the lower bound to the upper one, in [0, 1] (unless gamma is above 1)."""
        cycle, within = divmod(t, self.up + self.down)
        height = within / self.up if within <= self.up else (self.up + self.down - within) / self.down
        scale = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**t}[self.mode]
        return height * scale
