"""A warm-up by the same factor at every update."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le

from runner.warmup.linear import Linear


class Exponential(Linear):
    """``lr(t) = start * (target / start) ** (t / T)`` with ``start = start_factor * target``: linear in the logarithm.

    Stays longer at small rates than the linear warm-up.

    Args:
        steps: length T in updates.
        epochs: length in epochs, may be fractional. Without `steps` and `epochs`, one epoch.
        start_factor: the first rate as a share of the target, in (0, 1].

    Raises:
        ConfigError: both lengths are given.
    """

    def __init__(
        self,
        steps: Annotated[int, Ge(1)] | None = None,
        epochs: Annotated[float, Gt(0)] | None = None,
        start_factor: Annotated[float, Gt(0), Le(1)] = 0.01,
    ) -> None:
        super().__init__(steps, epochs, start_factor)

    def lr(self, t: int, length: int, target: float) -> float:
        """Learning rate at update `t` of `length`."""
        return float(target * self.start_factor ** (1.0 - t / length))
