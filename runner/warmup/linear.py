"""A warm-up along a straight line."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le

from runner.engine.schedule import Warmup
from runner.errors import ConfigError


class Linear(Warmup):
    """``lr(t) = start + t / T * (target - start)`` with ``start = start_factor * target``, for updates t = 0 .. T - 1.

    Update T, the first after the warm-up, has the target. As ``torch.optim.lr_scheduler.LinearLR``.

    Args:
        steps: length T in updates.
        epochs: length in epochs, may be fractional. Without `steps` and `epochs`, one epoch.
        start_factor: the first rate as a share of the target, in [0, 1].

    Raises:
        ConfigError: both lengths are given.

    Source: Goyal et al. 2017, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", section 2.2.
    """

    def __init__(
        self,
        steps: Annotated[int, Ge(1)] | None = None,
        epochs: Annotated[float, Gt(0)] | None = None,
        start_factor: Annotated[float, Ge(0), Le(1)] = 0.01,
    ) -> None:
        if steps is not None and epochs is not None:
            raise ConfigError(
                f"warmup.steps={steps} and warmup.epochs={epochs}: expected one length. Set the other one to null."
            )
        super().__init__(steps, 1.0 if steps is None and epochs is None else epochs, start_factor)

    def lr(self, t: int, length: int, target: float) -> float:
        """Learning rate at update `t` of `length`."""
        start = self.start_factor * target
        return start + t / length * (target - start)
