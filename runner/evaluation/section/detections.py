"""How well the boxes of each class are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runner.evaluation.section.base import Findings, Row, Section, number
from runner.metric.statistic.detections import THRESHOLDS, Detections, average_precision_of, by_class

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

POINTS = 400  # of a curve
LINES = 7  # in a picture


class FoundBoxes(Section):
    """Average precision of each class, the mean over overlaps (COCO's AP) and at 0.5 and 0.75; precision and recall.

    Classes that do not occur have none.
    """

    statistic: ClassVar[type[Detections]] = Detections

    def statistics(self) -> tuple[type[Detections], ...]:
        """See `Section.statistics`."""
        return (self.statistic,)

    def find(self, totals: dict[Any, Tensor], found: Findings) -> None:
        """See `Section.find`."""
        each = by_class(totals[self.statistic])
        rows: list[Row] = []
        for label, name in enumerate(self.task.class_names):
            if label not in each:
                rows.append({"class": name, "ap": None, "ap50": None, "ap75": None, "support": 0})
                continue
            values = average_precision_of(*each[label])
            rows.append(
                {
                    "class": name,
                    "ap": number(float(values.mean())),
                    "ap50": number(float(values[0])),
                    "ap75": number(float(values[THRESHOLDS.index(0.75)])),
                    "support": each[label][2],
                }
            )
        found.columns("per_class", rows)
        if absent := [row["class"] for row in rows if not row["support"]]:
            found.notes.append(f"{len(absent)} class(es) have no box: {', '.join(map(repr, absent[:5]))}")
        if not self.full:
            return
        found.files["precision_recall"] = []
        for label, (told, hits, true) in each.items():
            places = sorted({i * (len(told) - 1) // (POINTS - 1) for i in range(POINTS)}) if len(told) else []
            found.files["precision_recall"] += [
                {
                    "class": self.task.class_names[label],
                    "recall": float(hits[i, 0]) / true,
                    "precision": float(hits[i, 0] / told[i, 0]),
                }
                for i in places
                if told[i, 0] > 0
            ]

    def draw(self, found: Findings) -> dict[str, Figure]:
        """Precision against recall at an overlap of 0.5, and the values of each class."""
        from runner.canvas import COLORS, canvas, shortened, style

        there = [row for row in found.tables["per_class"] if row["ap50"] is not None]
        if not there:
            return {}
        worst = sorted(there, key=lambda row: float(row["ap50"]))
        figure, (axis,) = canvas("Precision against recall (IoU at least 0.5)", height=4.8)
        for place, row in enumerate(worst[:LINES]):
            points = [point for point in found.files["precision_recall"] if point["class"] == row["class"]]
            color, dashes = style(place)
            label = f"{shortened(row['class'], 14)}  {row['ap50']:.3f}"
            xs, ys = [point["recall"] for point in points], [point["precision"] for point in points]
            axis.plot(xs, ys, color=color, linestyle=dashes, label=label)
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        axis.set_xlabel("recall")
        axis.set_ylabel("precision")
        title = "class, AP50" if len(there) <= LINES else f"{LINES} worst of {len(there)}, AP50"
        axis.legend(title=title, fontsize=9, title_fontsize=9)
        bars, (below,) = canvas("Average precision by class", height=max(2.2, 1.2 + 0.28 * len(worst[:30])))
        for key, color, marker in zip(("ap", "ap50"), COLORS, "o^", strict=False):
            values = [row[key] for row in worst[:30]]
            below.plot(values, range(len(values)), marker, color=color, label=key.upper(), clip_on=False)
        below.set_yticks(
            range(len(worst[:30])),
            [f"{shortened(row['class'])} ({row['support']:,})" for row in worst[:30]],
            fontsize=9,
        )
        below.set_ylim(len(worst[:30]) - 0.5, -0.5)
        below.set_xlim(0, 1)
        below.set_xlabel("average precision (in brackets: boxes of the class)")
        below.legend(fontsize=9)
        return {"precision_recall": figure, "per_class": bars}
