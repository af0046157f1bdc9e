"""How far predicted numbers are off, in the unit of each target."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.metric import Scored, Statistic
from runner.evaluation.section.base import Findings, Row, Section, number
from runner.metric.statistic.errors import ErrorSums

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.engine.spec import Spec

TARGETS = 4  # in a picture


def in_unit(values: Tensor, spec: Spec) -> Tensor:
    """Values ``(..., targets)`` as they were before they were scaled, in float64 (on mps in float32)."""
    values = values if values.device.type == "mps" else values.double()
    assert spec.targets is not None
    return values * values.new_tensor(spec.targets.std or (1.0,)) + values.new_tensor(spec.targets.mean or (0.0,))


class StepErrors(Statistic):
    """Sums ``(4, steps, targets)``: 1, ``e``, ``|e|`` and ``e²`` with the residual e = true - predicted, in the unit.

    Of values without steps there is one step.
    """

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from values ``(N, targets)`` or ``(N, steps, targets)``."""
        import torch

        values = [in_unit(v, self.spec) for v in (scored.targets, scored.predictions)]
        error = (values[0] - values[1]).reshape(len(values[0]), -1, values[0].shape[-1])
        return torch.stack([torch.ones_like(error), error, error.abs(), error.square()]).sum(1)


class SeriesErrors(Statistic):
    """Sums ``(4, series, targets)`` of `StepErrors` over all steps, for each of the series that examples are cut from.

    Args:
        spec: facts about the data.
        count: how many series there are.
        which: the number of that of each example ``(N,)``, in the order in which they come.
    """

    def __init__(self, spec: Spec, count: int, which: Tensor) -> None:
        super().__init__(spec)
        self.count, self.which, self.seen = count, which, 0

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of the next examples, from values ``(N, steps, targets)``."""
        import torch

        values = [in_unit(v, self.spec) for v in (scored.targets, scored.predictions)]
        error = values[0] - values[1]
        sums = torch.stack([torch.ones_like(error), error, error.abs(), error.square()]).sum(2)
        own = self.which[self.seen : self.seen + len(error)].to(error.device)
        self.seen += len(error)
        return sums.new_zeros(4, self.count, sums.shape[-1]).index_add_(1, own, sums)


class KeptValues(Statistic):
    """Predicted and true values ``(rows, 2, steps, targets)`` in their unit; of many examples every 2nd, 4th, 8th ...

    So that at most `limit` examples are kept, evenly over the whole part.

    Attributes:
        limit: examples that are kept, at most.
    """

    limit: ClassVar[int] = 10_000

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.seen, self.every = 0, 1

    def update(self, scored: Scored) -> None:
        """Add some examples."""
        import torch

        first = -self.seen % self.every
        self.seen += len(scored.targets)
        both = [in_unit(v, self.spec) for v in (scored.predictions, scored.targets)]
        rows = torch.stack([v.reshape(len(v), -1, v.shape[-1]) for v in both], 1)[first :: self.every]
        self.total = rows if self.total is None else torch.cat([self.total, rows])
        while len(self.total) > self.limit:
            self.total, self.every = self.total[::2], 2 * self.every


class Residuals(Section):
    """MAE, RMSE, R² and mean residual (true - predicted) of each target in its unit; of forecasts by step and series.

    R² is undefined, hence None, where the true values are all the same or there is only one.
    """

    def statistics(self) -> tuple[Callable[[Spec], Statistic], ...]:
        """See `Section.statistics`."""
        more = () if self.of_series is None else (self.of_series,)
        return (ErrorSums, StepErrors, *more, KeptValues) if self.full else (ErrorSums, StepErrors, *more)

    @cached_property
    def of_series(self) -> Callable[[Spec], Statistic] | None:
        """Makes the errors of each series; None where there are not several."""
        if self.series is None:
            return None
        names, which = self.series
        return partial(SeriesErrors, count=len(names), which=which)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the targets: their numbers where they have none."""
        targets = self.task.spec.targets
        assert targets is not None and targets.shape is not None
        count = targets.shape[-1] or 1
        return targets.names or (("target",) if count == 1 else tuple(map(str, range(count))))

    def find(self, totals: dict[Any, Tensor], found: Findings) -> None:
        """See `Section.find`."""
        steps = totals[StepErrors]
        count, signed = steps[0].sum(0).tolist(), steps[1].sum(0).tolist()
        rows: list[Row] = []
        for t, (name, (n, absolute, squared, y, y2)) in enumerate(
            zip(self.names, totals[ErrorSums].T.tolist(), strict=True)
        ):
            spread = y2 - y * y / n  # of the true values
            defined = n > 1 and spread > 1e-12 * abs(y2)
            rows.append(
                {
                    "target": name,
                    "mae": number(absolute / n),
                    "rmse": number(math.sqrt(squared / n)),
                    "r2": number(1 - squared / spread) if defined else None,
                    "mean_residual": number(signed[t] / count[t]),
                    "values": round(n),
                }
            )
            if not defined:
                found.notes.append(f"the true values of {name!r} are all the same: R² is undefined")
            if not math.isfinite(absolute):
                found.notes.append(f"the network's outputs for {name!r} are no finite numbers for some examples")
        found.tables["per_target"] = rows
        if steps.shape[1] > 1:
            found.tables["per_step"] = [
                {
                    "step": step + 1,
                    "target": name,
                    "mae": number(absolute / n),
                    "rmse": number(math.sqrt(squared / n)),
                    "mean_residual": number(error / n),
                }
                for step, sums in enumerate(steps.transpose(0, 1))
                for name, (n, error, absolute, squared) in zip(self.names, sums.T.tolist(), strict=True)
            ]
        if self.series is not None:
            found.tables["per_series"] = [
                {
                    "series": series,
                    "target": name,
                    "mae": number(absolute / n),
                    "rmse": number(math.sqrt(squared / n)),
                    "mean_residual": number(error / n),
                    "values": round(n),
                }
                for series, sums in zip(self.series[0], totals[self.of_series].transpose(0, 1), strict=True)
                for name, (n, error, absolute, squared) in zip(self.names, sums.T.tolist(), strict=True)
                if n
            ]
        if self.full:
            self._pairs(totals[KeptValues], round(count[0]) // steps.shape[1], found)

    def _pairs(self, kept: Tensor, examples: int, found: Findings) -> None:
        if len(kept) < examples:
            found.notes.append(f"residuals are told of {len(kept):,} of {examples:,} examples, evenly over all")
        several = kept.shape[2] > 1
        found.files["residuals"] = [
            {
                "target": name,
                **({"step": step + 1} if several else {}),
                "true": true,
                "prediction": predicted,
                "residual": true - predicted,
            }
            for predicted_steps, true_steps in kept.tolist()
            for step, (predicted_row, true_row) in enumerate(zip(predicted_steps, true_steps, strict=True))
            for name, predicted, true in zip(self.names, predicted_row, true_row, strict=True)
        ]

    def draw(self, found: Findings) -> dict[str, Figure]:
        """Residuals against predictions, a panel for each target; of forecasts the error by step."""
        from matplotlib.ticker import MaxNLocator

        from runner.canvas import COLORS, canvas, shortened, style

        names = self.names[:TARGETS]
        figure, axes = canvas("Residuals against predictions", height=3.2, rows=len(names))
        for axis, name in zip(axes, names, strict=True):
            rows = [row for row in found.files["residuals"] if row["target"] == name][: KeptValues.limit]
            values = [row["prediction"] for row in rows], [row["residual"] for row in rows]
            axis.plot(*values, "o", color=COLORS[0], markersize=3, alpha=0.5, markeredgewidth=0, rasterized=True)
            axis.axhline(0, color="black", linewidth=1)
            shown = "" if name == "target" and len(names) == 1 else f" {shortened(name)}"
            axis.set_xlabel(f"predicted{shown} (in its unit)")
            axis.set_ylabel("true - predicted")
        figures = {"residuals": figure}
        if "per_step" in found.tables:
            steps, (axis,) = canvas("Error by step ahead", height=3.6)
            for place, name in enumerate(self.names[:7]):
                color, dashes = style(place)
                mine = [row for row in found.tables["per_step"] if row["target"] == name]
                xs, ys = [row["step"] for row in mine], [row["mae"] for row in mine]
                axis.plot(xs, ys, color=color, linestyle=dashes, marker=".", label=shortened(name))
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set_xlabel("step ahead")
            axis.set_ylabel("mean absolute error (in the unit)")
            axis.set_ylim(bottom=0)
            axis.legend(fontsize=9)
            figures["per_step"] = steps
        return figures
