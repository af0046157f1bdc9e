"""One rise of the learning rate and one long fall, with momentum the other way round."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from runner.engine.schedule import By, Schedule
from runner.errors import ConfigError


class OneCycle(Schedule):
    """From ``max_lr / div_factor`` up to `max_lr` and down to ``max_lr / (div_factor * final_div_factor)``.

    As ``torch.optim.lr_scheduler.OneCycleLR``; past the end of the cycle the last rate stays.

    Args:
        max_lr: the peak, above 0; None: the optimizer's own rate. Groups with a rate of their own peak in proportion.
        total_steps: length of the cycle in units of `by`; None: the whole run.
        pct_start: share of the cycle spent rising, in [0, 1]; at most 0.5 with three phases.
        anneal_strategy: form of rise and fall.
        cycle_momentum: whether momentum (or the first beta) goes the other way, where the optimizer has it.
        base_momentum: momentum at the peak, in [0, 1).
        max_momentum: momentum at both ends, in [0, 1).
        div_factor: peak over first rate, above 0.
        final_div_factor: first over last rate, above 0.
        three_phase: whether a fall as long as the rise precedes the last fall.
        by: unit of the position.

    Raises:
        ConfigError: three phases that do not fit into the cycle.

    Source: Smith and Topin 2018, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates".
    """

    def __init__(
        self,
        max_lr: Annotated[float, Gt(0)] | None = None,
        total_steps: Annotated[int, Ge(1)] | None = None,
        pct_start: Annotated[float, Ge(0), Le(1)] = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: Annotated[float, Ge(0), Lt(1)] = 0.85,
        max_momentum: Annotated[float, Ge(0), Lt(1)] = 0.95,
        div_factor: Annotated[float, Gt(0)] = 25.0,
        final_div_factor: Annotated[float, Gt(0)] = 10000.0,
        three_phase: bool = False,
        by: By = "step",
    ) -> None:
        if three_phase and pct_start > 0.5:
            raise ConfigError(
                f"scheduler.pct_start={pct_start}: with three_phase=true the rise and an equally long fall must fit "
                "into the cycle. Expected at most 0.5."
            )
        self.max_lr, self.total_steps, self.by = max_lr, total_steps, by
        self.pct_start, self.anneal_strategy, self.three_phase = pct_start, anneal_strategy, three_phase
        self.cycle_momentum, self.base_momentum, self.max_momentum = cycle_momentum, base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in the length of the cycle and how its peak relates to the optimizer's rate."""
        self.length = self.total_steps or total
        self.peak_share = self.max_lr / base_lr if self.max_lr is not None else 1.0

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        peak = base_lr * self.peak_share
        first = peak / self.div_factor
        return self._between(t, first, peak, first / self.final_div_factor)

    def momentum(self, t: int) -> float:
        """Momentum at position `t`."""
        return self._between(t, self.max_momentum, self.base_momentum, self.max_momentum)

    def _between(self, t: int, first: float, peak: float, last: float) -> float:
        """The value at `t` of a curve that starts at `first`, is at `peak` after the rise and ends at `last`."""
        end = self.length - 1
        t = min(t, end)
        knots = [(0.0, first), (self.pct_start * self.length - 1, peak), (float(end), last)]
        if self.three_phase:
            knots.insert(2, (2 * self.pct_start * self.length - 2, first))
        (since, a), (until, b) = next(phase for phase in pairwise(knots) if t <= phase[1][0])
        # A cycle so short that its rise has no length is at the end of the rise at once.
        share = (t - since) / (until - since) if until > since else 1.0
        if self.anneal_strategy == "linear":
            return a + (b - a) * share
        return b + (a - b) / 2.0 * (1.0 + math.cos(math.pi * share))
