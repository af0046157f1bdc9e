"""Training on blends of two examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Le

from runner.regularization.targets.mixing import Mixing

if TYPE_CHECKING:
    from torch import Tensor


def mixup(inputs: Tensor, lam: float) -> Tensor:
    """``lam * x_i + (1 - lam) * x_(i-1)`` for each example ``x_i`` of a batch; the first is paired with the last.

    Args:
        inputs: ``(N, ...)``.
        lam: share of each example itself, in [0, 1].

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", equation 1.
    """
    return inputs.mul(lam).add_(inputs.roll(1, 0), alpha=1.0 - lam)


class Mixup(Mixing):
    """Blend each example with another by `mixup`, and their targets alike.

    Args:
        alpha: both parameters of the Beta distribution that the share of each example is drawn from, above 0. The
            paper takes 1 for CIFAR and 0.2 to 0.4 for ImageNet; large values underfit.
        p: share of the micro-batches that are mixed, in [0, 1].
    """

    def __init__(self, alpha: Annotated[float, Gt(0)] = 0.2, p: Annotated[float, Ge(0), Le(1)] = 1.0) -> None:
        super().__init__(alpha, p)

    def mix(self, inputs: Tensor, lam: float) -> tuple[Tensor, float]:
        """Blended inputs, and `lam`."""
        return mixup(inputs, lam), lam
