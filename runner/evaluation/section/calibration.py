"""Whether a network is right as often as it is sure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.engine.metric import Scored, Statistic
from runner.evaluation.section.base import Findings, NonFinite, Section, number, ratio, told_of
from runner.metric.ece import ECE, CalibrationSums

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.engine.spec import Spec

BINS = 15  # of `runner.metric.ece`


class LabelSums(Statistic):
    """Sums ``(3, bins)`` over all labels of all examples, by the probability of the label: 1, it, whether it holds."""

    needs = frozenset({"probabilities"})

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.sums = CalibrationSums(spec, BINS)

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from labels ``(N, C)`` and probabilities ``(N, C)``, each by itself."""
        import torch

        assert scored.probabilities is not None
        truth, p = scored.targets.flatten(), scored.probabilities.reshape(-1, 1)
        return self.sums.summarize(Scored(torch.zeros_like(truth, dtype=torch.long), 1 - truth.long(), p))


class Calibration(Section):
    """The reliability diagram: confidence and accuracy by bins ``((b - 1) / B, b / B]`` of the confidence, and the ECE.

    As `runner.metric.ece.ECE`, with 15 bins. Of several labels every label counts by itself: its probability against
    how often it holds.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", figure 1 and equation 3.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        targets = self.task.spec.targets
        self.sums: Callable[[Spec], Statistic] = (
            LabelSums if targets is not None and targets.kind == "labels" else partial(CalibrationSums, bins=BINS)
        )

    def statistics(self) -> tuple[Callable[[Spec], Statistic], ...]:
        """See `Section.statistics`."""
        return (self.sums, NonFinite)

    def find(self, totals: dict[Any, Tensor], found: Findings) -> None:
        """See `Section.find`."""
        if told_of(totals, found):
            found.facts["ece"] = None
            return
        total = totals[self.sums]
        found.facts["ece"] = number(float(ECE(BINS).compute(total)))
        found.tables["calibration"] = [
            {
                "lower": b / BINS,
                "upper": (b + 1) / BINS,
                "count": round(count),
                "confidence": ratio(confidence, count),
                "accuracy": ratio(right, count),
            }
            for b, (count, confidence, right) in enumerate(total.T.tolist())
        ]

    def draw(self, found: Findings) -> dict[str, Figure]:
        """The diagram above the number of examples in each bin."""
        rows = [row for row in found.tables.get("calibration", ()) if row["count"]]
        if not rows:
            return {}
        from runner.canvas import COLORS, canvas

        figure, (above, below) = canvas(f"Reliability (ECE {found.facts['ece']:.3f})", height=2.9, rows=2)
        of_labels = self.sums is LabelSums
        middles = [(row["lower"] + row["upper"]) / 2 for row in rows]
        above.bar(middles, [row["accuracy"] for row in rows], 1 / BINS, color=COLORS[4], edgecolor="white")
        above.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfectly calibrated")
        above.plot(
            [row["confidence"] for row in rows],
            [row["accuracy"] for row in rows],
            "o-",
            color=COLORS[0],
            markersize=4,
            label="mean of the bin",
        )
        above.set_ylabel("share that holds" if of_labels else "accuracy")
        above.set_ylim(0, 1)
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        below.bar(middles, [row["count"] for row in rows], 1 / BINS, color=COLORS[4], edgecolor="white")
        below.set_ylabel("labels" if of_labels else "examples")
        below.set_xlabel("probability of the label" if of_labels else "confidence (probability of the predicted class)")
        for axis in (above, below):
            axis.set_xlim(0, 1)
        return {"calibration": figure}
