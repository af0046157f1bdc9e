"""Forecasts that need no network, as models of scikit-learn are used: what every forecast must beat."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runner.engine.spec import Spec

    Values = NDArray[Any]

FITTED_ON = 8  # windows from which smoothing takes its constants


class Naive:
    """Every step as the last one seen.

    Args:
        spec: of the data.
    """

    def __init__(self, spec: Spec) -> None:
        assert spec.inputs and spec.targets and spec.inputs.shape and spec.targets.shape
        self.shape = (-1, *(int(length or 0) for length in spec.inputs.shape))
        self.columns = [spec.inputs.names.index(name) for name in spec.targets.names]
        self.horizon = int(spec.targets.shape[0] or 0)

    def fit(self, inputs: Values, targets: Values) -> Naive:
        """Learn what there is to be learnt from windows ``(N, steps * columns)``."""
        return self

    def histories(self, inputs: Values) -> Values:
        """The histories of the series that are to be told ``(N, steps, series)``."""
        found: Values = inputs.reshape(self.shape)[..., self.columns]
        return found

    def predict(self, inputs: Values) -> Values:
        """Forecasts ``(N, horizon * series)``."""
        return self.told(self.histories(inputs)).reshape(len(inputs), -1)

    def told(self, histories: Values) -> Values:
        """Forecasts ``(N, horizon, series)``."""
        return np.repeat(histories[:, -1:], self.horizon, axis=1)


class SeasonalNaive(Naive):
    """Every step as the one a whole number of seasons before it, the last that was seen.

    Args:
        spec: of the data.
        season: steps, at most those of a history.

    Source: Hyndman and Athanasopoulos 2018, "Forecasting: Principles and Practice", section 3.1.
    """

    def __init__(self, spec: Spec, season: int) -> None:
        super().__init__(spec)
        self.season = season

    def told(self, histories: Values) -> Values:
        """See `Naive.told`."""
        return histories[:, histories.shape[1] - self.season + np.arange(self.horizon) % self.season]


class ExponentialSmoothing(Naive):
    """Additive Holt-Winters without trend, of each history by itself; without a season simple exponential smoothing.

    Its constants are the medians of those that fit some histories of the training part best.

    Args:
        spec: of the data.
        season: steps, at most half those of a history; None: there is none.

    Source: Holt 1957, Winters 1960; statsmodels' `ExponentialSmoothing`.
    """

    def __init__(self, spec: Spec, season: int | None) -> None:
        super().__init__(spec)
        self.season = season

    def fit(self, inputs: Values, targets: Values) -> ExponentialSmoothing:
        """See `Naive.fit`."""
        some = self.histories(inputs[np.linspace(0, len(inputs) - 1, FITTED_ON).round().astype(int)])
        self.constants = []
        for series in range(some.shape[2]):
            found = [self._model(history).fit().params for history in some[..., series]]
            names = ("smoothing_level", *(("smoothing_seasonal",) if self.season else ()))
            self.constants.append({name: float(np.median([one[name] for one in found])) for name in names})
        return self

    def told(self, histories: Values) -> Values:
        """See `Naive.told`."""
        return np.stack(
            [
                np.stack(
                    [
                        self._model(history).fit(optimized=False, **constants).forecast(self.horizon)
                        for history in histories[..., series]
                    ]
                )
                for series, constants in enumerate(self.constants)
            ],
            axis=2,
        )

    def _model(self, history: Values) -> Any:
        from statsmodels.tsa.holtwinters import ExponentialSmoothing as Model

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Model(
                history.astype(np.float64),
                seasonal="add" if self.season else None,
                seasonal_periods=self.season,
                initialization_method="heuristic" if len(history) >= 10 else "known",
                initial_level=None if len(history) >= 10 else float(history[0]),
            )
