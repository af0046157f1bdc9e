"""The statistic behind metrics of forecasts that tell quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runner.engine.metric import Need, Scored, Statistic
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec


class QuantileSums(Statistic):
    """Sums ``(3, series)`` over steps: 1, the pinball loss, and whether the truth lies between the outer quantiles.

    The loss is the mean over levels, in the unit of the series; ends are included.

    Raises:
        ConfigError: the forecasts tell no quantiles.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"probabilities"})

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.levels = spec.targets.levels if spec.targets else ()
        if not self.levels:
            raise ConfigError(
                "metric=[pinball,coverage]: are of quantiles, and these forecasts tell none. Take loss=quantile."
            )

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some windows, from quantiles ``(N, horizon, series, levels)``."""
        assert scored.probabilities is not None
        told, targets = scored.probabilities, scored.targets[..., None]
        if targets.device.type != "mps":
            told, targets = told.double(), targets.double()
        levels, error = told.new_tensor(self.levels), targets - told
        loss = (levels * error).maximum((levels - 1) * error).mean(-1)
        inside = (error[..., 0] >= 0) & (error[..., -1] <= 0)
        unit = loss.new_tensor((self.spec.targets.std if self.spec.targets else ()) or (1.0,))
        sums = loss.new_empty(3, loss.shape[-1])
        sums[0] = loss.shape[0] * loss.shape[1]
        sums[1] = (loss * unit).sum((0, 1))
        sums[2] = inside.to(loss.dtype).sum((0, 1))
        return sums
