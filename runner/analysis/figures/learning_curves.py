"""Training beside validation by epoch, of one run, of the runs of a configuration, or of several configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from runner.analysis.figures.limits import LARGEST, limits
from runner.analysis.figures.names import short_names
from runner.analysis.run import Run, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24  # configurations in a figure
COLUMNS = 3


def learning_curves(groups: Mapping[str, Sequence[Run]], score: str = "loss") -> Figure | None:
    """Of one configuration a panel for each score; of several a panel for each of them, of one score.

    Several runs of a configuration are a line, their mean, in a band, their range. The validation of the first one
    stands in the other panels too, dotted.

    Args:
        groups: the runs of each configuration by its name, the baseline first.
        score: what is shown of several configurations, without the part of the data: ``accuracy``.
    """
    from runner.canvas import canvas, plain
    from runner.evaluation.learning_curves import draw, draw_score
    from runner.evaluation.learning_curves import learning_curves as curves_of

    curves = {name: [curves_of(_rows(run)) for run in runs] for name, runs in groups.items()}
    if len(curves) <= 1:
        figure = draw([run for runs in curves.values() for run in runs])
        for axis in figure.axes if figure else ():
            axis.set_ylabel(plain(axis.get_ylabel()))
        return figure
    shown = {name: runs for name, runs in curves.items() if any(score in run for run in runs)}
    if len(shown) < 2:
        return None
    names = list(shown)[:MOST]
    columns = min(COLUMNS, len(names))
    left_out = f" ({MOST} of {len(shown)})" if len(shown) > MOST else ""
    key, short = short_names(names)
    title = f"{plain(score)} by epoch{left_out}{f', by {key}' if key else ''}"
    figure, axes = canvas(title, height=2.2, rows=-(-len(names) // columns), columns=columns, width=2.8)
    low, high = limits([v for name in names for run in shown[name] for v in _values(run.get(score, {}))] or [0.0])
    for place, (axis, name) in enumerate(zip(axes, names, strict=False)):
        draw_score(axis, shown[name], score)
        axis.set_title(short[place], fontsize=8)
        axis.tick_params(labelsize=8)
        axis.set_ylim(low, high)
        for line in axes[0].lines if place else ():
            if line.get_label() == "validation":
                axis.plot(*line.get_data(), ":", color="k", linewidth=1, label=f"validation of {short[0]}")
    axes[1].legend(fontsize=7, frameon=False)
    for axis in axes[len(names) :]:
        axis.remove()
    return figure


def _rows(run: Run) -> list[dict[str, float]]:
    """Its epochs, whoever wrote them: what is no number, or too large for an axis, is left out."""
    rows = [{name: number(value) for name, value in row.items()} for row in run.metrics]
    found = [{name: v for name, v in row.items() if v is not None and abs(v) < LARGEST} for row in rows]
    return [row for row in found if "epoch" in row]


def _values(parts: Mapping[str, Sequence[float | None]]) -> list[float]:
    return [value for column in parts.values() for value in column if value is not None]
