"""A warm-up that rises only while gradients are steady."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from runner.warmup.linear import Linear

if TYPE_CHECKING:
    from torch import Tensor


def relative_variance(norms: list[float]) -> float:
    """Variance of the norms divided by the square of their mean, without units; NaN when one is not finite."""
    mean = statistics.fmean(norms)
    return statistics.fmean((norm - mean) ** 2 for norm in norms) / mean**2 if mean else 0.0


class Gradient(Linear):
    """The linear warm-up, halted while the norm of the gradients varies too much from update to update.

    After every `window` updates the relative variance of their gradient norms (before clipping) is compared with
    `bound`: below it, the rate rises through the next window as in the linear warm-up; else it stays where it is.
    Where that makes it longer than T, it goes on as a factor on the schedule, whose own clock does not wait. With
    an infinite bound it is the linear warm-up.

    The norms are read from the device once per window; they are computed in every update while the warm-up lasts.

    Args:
        steps: least length T in updates.
        epochs: least length in epochs, may be fractional. Without `steps` and `epochs`, one epoch.
        start_factor: the first rate as a share of the target, in [0, 1].
        bound: relative variance from which on the rate waits, above 0.
        window: updates that are judged together, at least 2.

    Raises:
        ConfigError: both lengths are given.

    Source: the motive is that of Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond",
    section 3: large steps are to wait until their variance is small.
    """

    not_saved: ClassVar[tuple[str, ...]] = ("least",)  # told anew with every update

    def __init__(
        self,
        steps: Annotated[int, Ge(1)] | None = None,
        epochs: Annotated[float, Gt(0)] | None = None,
        start_factor: Annotated[float, Ge(0), Le(1)] = 0.01,
        bound: Annotated[float, Gt(0)] = 1.0,
        window: Annotated[int, Ge(2)] = 10,
    ) -> None:
        super().__init__(steps, epochs, start_factor)
        self.bound, self.window = bound, window
        self.hears_norms = True
        self.progress, self.rising, self.norms = 0, True, list[Any]()
        self.least = 0

    def lr(self, t: int, length: int, target: float) -> float:
        """Learning rate of the next update; `length` is T and `target` the schedule's rate at `t`."""
        self.least = length
        return super().lr(min(self.progress, length), length, target)

    def on_gradient_norm(self, norm: Tensor) -> None:
        """Keep the norm (nothing is read), and judge when a window is full."""
        self.progress += self.rising
        self.norms.append(norm)
        if len(self.norms) == self.window:
            self.rising = relative_variance(self._read()) < self.bound
            self.norms = []
        self.hears_norms = self.progress < self.least

    def _read(self) -> list[float]:
        import torch  # the module itself is for checks, which go without

        tensors = [norm for norm in self.norms if isinstance(norm, torch.Tensor)]
        read = iter(torch.stack(tensors).tolist() if tensors else [])
        return [next(read) if isinstance(norm, torch.Tensor) else norm for norm in self.norms]

    def state_dict(self) -> dict[str, Any]:
        """How far it has come, and the norms of the current window."""
        self.norms = self._read()
        names = ("progress", "rising", "norms", "hears_norms")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for name, value in state.items():
            setattr(self, name, value)
