"""Which classes were taken for which, and how well each is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.evaluation.section.base import Findings, Row, Section, listed, number, ratio
from runner.metric.statistic.confusion import ConfusionMatrix, averaged, per_class

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

PAIRS = 20  # of the classes most often confused
SHOWN = 100  # classes up to which the matrix stands in JSON and is drawn
NUMBERED = 12  # classes up to which its picture has numbers
BARS = 30  # classes that the picture of them has


class Confusion(Section):
    """Precision, recall and F1 of each class or label, of masks also the IoU; the confusion matrix; confused pairs.

    What is divided by nothing is None: the recall of a class that does not occur, the precision of one that is never
    predicted. In the means it counts as in the metrics of the same names, which is scikit-learn's ``zero_division=0``:
    classes that neither occur nor are predicted are left out, other undefined values are 0.
    """

    def statistics(self) -> tuple[type[ConfusionMatrix], ...]:
        """See `Section.statistics`."""
        return (ConfusionMatrix,)

    @property
    def of_labels(self) -> bool:
        """Whether any number of labels may hold, each with a matrix of its own."""
        return self.task.spec.targets is not None and self.task.spec.targets.kind == "labels"

    @property
    def unit(self) -> str:
        """What is counted."""
        kind = self.task.spec.targets.kind if self.task.spec.targets is not None else "class"
        return {"mask": "pixels", "tags": "tokens"}.get(kind, "examples")

    def find(self, totals: dict[Any, Tensor], found: Findings) -> None:
        """See `Section.find`."""
        total, names = totals[ConfusionMatrix], self.task.class_names
        hits, predicted, true = per_class(total)
        parts = {"precision": (hits, predicted), "recall": (hits, true), "f1": (2 * hits, predicted + true)}
        if self.unit == "pixels":
            parts["iou"] = (hits, predicted + true - hits)
        rows: list[Row] = [{"class": name} for name in names]
        for key, (numerators, denominators) in parts.items():
            for row, above, below in zip(rows, numerators.tolist(), denominators.tolist(), strict=True):
                row[key] = ratio(above, below)
        for row, support, told in zip(rows, true.tolist(), predicted.tolist(), strict=True):
            row |= {"support": support, "predicted": told}
        found.columns("per_class", rows)
        found.facts["averages"] = {
            average: {
                key: number(float(averaged(above.double(), below.double(), total, average)))
                for key, (above, below) in parts.items()
            }
            for average in ("macro", "weighted")
        }
        self._note(rows, found)
        matrix = total.tolist()
        if self.of_labels:
            cells = ("true_negative", "false_positive", "false_negative", "true_positive")
            labels = [
                {"class": name, **dict(zip(cells, [*without, *having], strict=True))}
                for name, (without, having) in zip(names, matrix, strict=True)
            ]
            found.files["confusion"] = labels
        else:
            found.files["confusion"] = [
                {"true": name, **dict(zip(names, row, strict=True))} for name, row in zip(names, matrix, strict=True)
            ]
            found.tables["most_confused"] = self._pairs(total)
        if len(names) <= SHOWN:
            found.facts["confusion"] = {"classes": list(names), "counts": matrix, "of": self.unit}
        else:
            found.notes.append(f"the matrix of {len(names):,} classes is in confusion.csv only")

    def _note(self, rows: list[Row], found: Findings) -> None:
        if absent := [row["class"] for row in rows if not row["support"]]:
            found.notes.append(f"no example of {listed(absent)}: their recall is undefined")
        if never := [row["class"] for row in rows if row["support"] and not row["predicted"]]:
            found.notes.append(
                f"{listed(never)} never predicted: their precision is undefined, and counts 0 in the mean"
            )

    def _pairs(self, total: Tensor) -> list[Row]:
        """True and predicted classes that differ, the most frequent first."""
        wrong = total.clone().fill_diagonal_(0)
        counts, cells = wrong.flatten().sort(descending=True, stable=True)
        names, support = self.task.class_names, total.sum(1).tolist()
        pairs: list[Row] = []
        for count, cell in zip(counts[:PAIRS].tolist(), cells[:PAIRS].tolist(), strict=True):
            true, predicted = divmod(cell, len(names))
            if count:
                share = count / support[true]
                pairs.append({"true": names[true], "predicted": names[predicted], "count": count, "share": share})
        return pairs

    def draw(self, found: Findings) -> dict[str, Figure]:
        """The matrix in shares of the true class, and the values of each class."""
        figures = {"per_class": self._bars(found)}
        if not self.of_labels and "confusion" in found.facts:
            figures["confusion"] = self._matrix(found.facts["confusion"]["counts"])
        return figures

    def _matrix(self, counts: list[list[int]]) -> Figure:
        from runner.canvas import canvas, shortened

        names = [shortened(name, 12) for name in self.task.class_names]
        shares = [[count / max(1, sum(row)) for count in row] for row in counts]
        figure, (axis,) = canvas("Confusion matrix", height=4.6)
        axis.grid(visible=False)
        image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ticks = range(0, len(names), -(-len(names) // 25))
        axis.set_xticks(ticks, [names[i] for i in ticks], rotation=90 if max(map(len, names)) > 2 else 0, fontsize=9)
        axis.set_yticks(ticks, [names[i] for i in ticks], fontsize=9)
        axis.set_xlabel("predicted class")
        axis.set_ylabel("true class")
        figure.colorbar(image, ax=axis, label=f"share of the true class's {self.unit}", shrink=0.8)
        if len(names) <= NUMBERED:
            size = 10 if len(names) <= 6 else 7.5
            for true, row in enumerate(counts):
                for predicted, count in enumerate(row):
                    color = "white" if shares[true][predicted] > 0.5 else "black"
                    shown = f"{count:,}" if self.unit == "examples" else f"{100 * shares[true][predicted]:.0f}%"
                    axis.text(predicted, true, shown, ha="center", va="center", color=color, fontsize=size)
        return figure

    def _bars(self, found: Findings) -> Figure:
        from runner.canvas import COLORS, canvas, shortened

        keys = ("iou",) if self.unit == "pixels" else ("precision", "recall", "f1")
        rows = sorted(found.tables["per_class"], key=lambda row: row[keys[-1]] if row[keys[-1]] is not None else -1.0)
        shown = rows[:BARS]
        title = "By class" if len(shown) == len(rows) else f"The {BARS} worst of {len(rows)} classes"
        figure, (axis,) = canvas(title, height=max(2.2, 1.2 + 0.26 * len(shown)))
        words = {"precision": "precision", "recall": "recall", "f1": "F1", "iou": "IoU"}
        for key, color, marker in zip(keys, COLORS, "o^D", strict=False):
            there = [(row[key], place) for place, row in enumerate(shown) if row[key] is not None]
            xs, ys = [x for x, _ in there], [y for _, y in there]
            axis.plot(xs, ys, marker, color=color, label=words[key], markersize=6, alpha=0.85, clip_on=False)
        names = [f"{shortened(row['class'])} ({row['support']:,})" for row in shown]
        axis.set_yticks(range(len(shown)), names, fontsize=9)
        axis.set_ylim(len(shown) - 0.5, -0.5)
        axis.set_xlim(0, 1)
        axis.set_xlabel(f"share (in brackets: {self.unit} of the class)")
        if len(keys) > 1:
            figure.legend(loc="outside lower center", ncols=len(keys), fontsize=9)
        else:
            axis.set_xlabel(f"intersection over union (in brackets: {self.unit} of the class)")
        return figure
