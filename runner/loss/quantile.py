"""Pinball loss."""

from __future__ import annotations

from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.errors import ConfigError


def pinball(error: Tensor, levels: Tensor) -> Tensor:
    """``max(q e, (q - 1) e)`` of errors e, the true value less the one told at each level q.

    Args:
        error: ``(..., levels)``.
        levels: ``(levels,)``, in (0, 1).
    """
    return (levels * error).maximum((levels - 1) * error)


class Quantile(Loss):
    """Mean of the `pinball` loss over examples, steps, series and levels: its optimum at level q is the q-quantile.

    A forecast is then the value at the level next to one half, and beside it stand the others, in ascending order:
    where a network told them in another, they are sorted (Chernozhukov et al. 2010). Targets are standardized unless
    the data option says otherwise, and so is this loss; metrics are in original units.

    Args:
        levels: shares of the distribution that should lie below each number that is told, ascending, in (0, 1).

    Raises:
        ConfigError: the levels are no such shares.

    Source: Koenker and Bassett 1978, "Regression Quantiles", equation 2.1.
    """

    tasks = frozenset({"forecasting"})

    def __init__(self, levels: tuple[float, ...] = (0.1, 0.5, 0.9)) -> None:
        if not levels or list(levels) != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1:
            raise ConfigError(
                f"loss.levels={list(levels)}: expected shares in (0, 1), ascending, each once, such as [0.1,0.5,0.9]."
            )
        self.levels = levels

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of values ``(N, targets * levels)`` for as many true values ``(N, ...)``."""
        targets = batch.targets.flatten(1)
        told = outputs.view(*targets.shape, len(self.levels))
        return pinball(targets[..., None] - told, told.new_tensor(self.levels)).mean()
