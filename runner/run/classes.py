"""Whether a network tells all classes, for data in which some are rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.metric.statistic.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from runner.engine.fit import Fit

_RARE = 0.8  # of an equal share of the training examples; of a class that is no rarer, weights would not change much
_NAMED = 3


def on_classes(fit: Fit) -> list[str]:
    """What to do about rare classes that the last evaluation had examples of and that were never predicted.

    Costs nothing while training: the counts are those that accuracy is computed from.
    """
    counts, targets = fit.spec.class_counts, fit.spec.targets
    statistic = fit.val_meter.statistics.get(ConfusionMatrix)
    if not counts or targets is None or targets.kind != "class" or statistic is None or statistic.total is None:
        return []
    there, predicted = (statistic.total.sum(dim).tolist() for dim in (1, 0))
    missed = [
        number
        for number, count in enumerate(counts)
        if there[number] and not predicted[number] and count < _RARE * sum(counts) / len(counts)
    ]
    if not missed:
        return []
    names = fit.spec.class_names or range(len(counts))
    told = [f"{names[number]!r} ({counts[number]:,} of {sum(counts):,} training examples)" for number in missed]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    subject = f"class {told[0]} was" if len(told) == 1 else f"classes {', '.join(told[:_NAMED])}{more} were"
    weighted = fit.about["config"]["loss"].get("weight") is not None
    cure = "more epochs" if weighted else "loss=cross_entropy loss.weight=balanced"
    return [
        f"{subject} never predicted in the last evaluation: try {cure}, and monitor=val/balanced_accuracy, as accuracy "
        "hardly sees rare classes"
    ]
