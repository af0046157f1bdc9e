"""Receiver operating characteristic and precision against recall, of each class against the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runner.engine.metric import Statistic
from runner.evaluation.section.base import Findings, NonFinite, Row, Section, listed, number, told_of
from runner.metric.statistic.kept import KeptScores, areas_under_roc, average_precisions, curve, thresholds

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.engine.spec import Spec

CLASSES = 200  # up to which there are curves: each class is sorted, and has counts of its own where there are many
POINTS = 400  # of a curve in CSV files and pictures
LINES = 7  # in a picture


class Curves(Section):
    """Areas and curves of each class or label against the rest; of two classes of the second one only.

    A class that none or all examples belong to has no area. Areas are exact, or those of binned scores, as
    `runner.metric.statistic.kept.Kept` says; curves of more than `POINTS` thresholds are thinned out.
    """

    def statistics(self) -> tuple[Callable[[Spec], Statistic], ...]:
        """See `Section.statistics`."""
        return (KeptScores, NonFinite) if len(self.task.class_names) <= CLASSES else ()

    def find(self, totals: dict[Any, Tensor], found: Findings) -> None:
        """See `Section.find`."""
        names = self.task.class_names
        if len(names) > CLASSES:
            found.notes.append(f"no curves: there are more than {CLASSES} classes")
            return
        total = totals[KeptScores]
        asked = names[-1:] if len(names) == 2 and total.shape[2] == 1 else names
        if told_of(totals, found):
            undefined: list[float] = [float("nan")] * len(asked)
            areas, precisions = undefined, undefined
        else:
            both = curve(total)
            areas, precisions = areas_under_roc(*both).tolist(), average_precisions(*both).tolist()
            if left_out := [name for name, area in zip(asked, areas, strict=True) if area != area]:
                found.notes.append(f"none or all of the examples belong to {listed(left_out)}: no area under a curve")
            if self.full:
                self._points(both, thresholds(total), asked, found)
        if not total.is_floating_point():
            found.notes.append("areas are of binned scores, as there are too many to be kept")
        values = {name: (number(a), number(p)) for name, a, p in zip(asked, areas, precisions, strict=True)}
        none = (None, None)
        found.columns(
            "per_class",
            [
                {"class": name, "roc_auc": values.get(name, none)[0], "average_precision": values.get(name, none)[1]}
                for name in names
            ],
        )
        found.facts["roc_auc"], found.facts["average_precision"] = _mean(areas), _mean(precisions)
        if len(asked) < len(names):
            found.facts["positive_class"] = asked[0]

    def _points(self, both: tuple[Tensor, Tensor], scores: Tensor, names: tuple[str, ...], found: Findings) -> None:
        """The curves as rows, from the highest threshold to the lowest."""
        positives, negatives = both
        found.files["roc"], found.files["precision_recall"] = [], []
        for c, name in enumerate(names):
            hits, alarms = positives[:, c], negatives[:, c]
            every, none = float(hits[-1]), float(alarms[-1])
            moved = (hits.diff() + alarms.diff() > 0).nonzero()[:, 0] + 1
            if len(moved) > POINTS:
                moved = moved[(moved.new_ones(POINTS).cumsum(0) - 1) * (len(moved) - 1) // (POINTS - 1)]
                note = f"curves of more than {POINTS} thresholds are thinned out in files and pictures"
                found.notes += [note] * (note not in found.notes)
            points = list(zip(scores[moved, c].tolist(), hits[moved].tolist(), alarms[moved].tolist(), strict=True))
            if every and none:
                start: Row = {"class": name, "threshold": None, "false_positive_rate": 0.0, "true_positive_rate": 0.0}
                found.files["roc"] += [
                    start,
                    *(
                        {
                            "class": name,
                            "threshold": t,
                            "false_positive_rate": a / none,
                            "true_positive_rate": h / every,
                        }
                        for t, h, a in points
                    ),
                ]
            if every:
                found.files["precision_recall"] += [
                    {"class": name, "threshold": None, "recall": 0.0, "precision": 1.0},
                    *(
                        {"class": name, "threshold": t, "recall": h / every, "precision": h / (h + a)}
                        for t, h, a in points
                    ),
                ]

    def draw(self, found: Findings) -> dict[str, Figure]:
        """Both kinds of curves; of many classes those with the smallest areas."""
        kinds = {
            "roc": ("ROC curves", "roc_auc", "false_positive_rate", "true_positive_rate"),
            "precision_recall": ("Precision against recall", "average_precision", "recall", "precision"),
        }
        return {name: _picture(found, name, *kind) for name, kind in kinds.items() if found.files.get(name)}


def _mean(values: list[float]) -> float | None:
    """The mean of those that are defined."""
    defined = [value for value in values if value == value]
    return sum(defined) / len(defined) if defined else None


def _picture(found: Findings, name: str, title: str, key: str, x: str, y: str) -> Figure:
    from runner.canvas import canvas, shortened, style

    rows = [row for row in found.tables["per_class"] if row[key] is not None]
    shown = sorted(rows, key=lambda row: float(row[key]))[:LINES]
    if len(rows) > len(shown):
        title = f"{title}: {len(shown)} worst of {len(rows)} classes"
    figure, (axis,) = canvas(title, height=4.8)
    if name == "roc":
        axis.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":", label="chance")
    for place, row in enumerate(shown):
        points = [point for point in found.files[name] if point["class"] == row["class"]]
        color, dashes = style(place)
        axis.plot(
            [point[x] for point in points],
            [point[y] for point in points],
            color=color,
            linestyle=dashes,
            linewidth=1.8,
            drawstyle="steps-pre" if name == "precision_recall" else "default",
            label=f"{shortened(row['class'], 14)}  {row[key]:.3f}",
        )
    axis.set_xlim(-0.02, 1.02)
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlabel(x.replace("_", " "))
    axis.set_ylabel(y.replace("_", " "))
    what = "area" if name == "roc" else "average precision"
    axis.legend(
        title=f"class, {what}", fontsize=9, title_fontsize=9, loc="lower right" if name == "roc" else "lower left"
    )
    return figure
