"""The next steps of one or several series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runner.engine.task import Task
from runner.task.regression import in_their_units, rescaled

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec


class Forecasting(Task):
    """The values of the steps behind those seen, each series in its unit.

    A network gives them in one row, step by step, ``(N, horizon * series)``: so any network forecasts.
    """

    loss = "runner.loss.mse.MSE"
    targets = ("values",)
    sections = ("residuals",)
    link = "identity"

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """One for each step to be told of each series."""
        assert spec.targets is not None and spec.targets.shape is not None
        return math.prod(length or 0 for length in spec.targets.shape)

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles that are told of each value; empty: one number."""
        return self.spec.targets.levels if self.spec.targets else ()

    def predict(self, outputs: Tensor) -> Tensor:
        """The forecasts ``(N, horizon, series)``, scaled as the series are: of quantiles those next to the median."""
        told = self.probabilities(outputs)
        middle = min(range(len(self.levels)), key=lambda i: abs(self.levels[i] - 0.5), default=0)
        return told[..., middle]

    def probabilities(self, outputs: Tensor) -> Tensor:
        """What is told of each value's distribution: its quantiles ``(N, horizon, series, levels)``, ascending."""
        assert self.spec.targets is not None and self.spec.targets.shape is not None
        series, levels = self.spec.targets.shape[-1] or 1, len(self.levels) or 1
        told = outputs.reshape(len(outputs), -1, series, levels)
        return told.sort(-1).values if levels > 1 else told

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The steps from 1, of several series behind their names: ``price_1``."""
        targets = self.spec.targets
        assert targets is not None and targets.shape is not None
        series = targets.shape[-1] or 1
        names = [f"{name}_" for name in targets.names] if series > 1 else [""]
        return tuple(f"{name}{step}" for step in range(1, (targets.shape[0] or 1) + 1) for name in names)

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """The values in their units, step by step ``(N, horizon * series)``."""
        targets = self.spec.targets
        assert targets is not None
        values = self.predict(outputs)
        values = values * values.new_tensor(targets.std or (1.0,)) + values.new_tensor(targets.mean or (0.0,))
        return values.flatten(1)

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The first step of the first series."""
        return outputs.new_zeros(len(outputs)).long()

    def in_units_of(self, other: Task, values: Tensor) -> Tensor:
        """``(v std + mean - mean') / std'`` of each target; see `Task.in_units_of`."""
        return rescaled(self.spec, other.spec, values)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The values in their units, by step from 1: ``prediction_1``; of several series ``prediction_NAME_1``.

        Where quantiles are told, each stands beside: ``quantile_0.1_1``.
        """
        rows = self._named("prediction", self.predict(outputs))
        for level, told in zip(self.levels, self.probabilities(outputs).unbind(-1), strict=False):
            for row, more in zip(rows, self._named(f"quantile_{level:g}", told), strict=True):
                row.update(more)
        return rows

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The true values, likewise."""
        return self._named("true", targets)

    def _named(self, what: str, scaled: Tensor) -> list[dict[str, Any]]:
        targets = self.spec.targets
        assert targets is not None
        values = in_their_units(scaled, targets.mean, targets.std)
        horizon, series = values.shape[1:]
        names = [f"{name}_" for name in targets.names] if series > 1 else [""]
        keys = [f"{what}_{name}{step}" for step in range(1, horizon + 1) for name in names]
        return [dict(zip(keys, row, strict=True)) for row in values.flatten(1).tolist()]
