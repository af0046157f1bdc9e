"""Whether inputs and targets lie on a common scale."""

from __future__ import annotations

import math
from typing import Any

from runner.analysis.advice.finding import Finding, fine, unknown
from runner.analysis.advice.record import Record

# The loss curves along a feature by its mean square, and gradient descent needs updates in proportion to the ratio of
# the largest curvature to the smallest (LeCun et al. 1998, "Efficient BackProp", sections 4.3 and 5.1): a feature of
# size 10 beside one of size 1 already makes that 100. Scaled features have the size 1; pixels and words lie below it.
LARGE = 10.0
# The same ratio among the features themselves. Rare words of a one-hot column have a deviation of some hundredths
# beside the 1 of scaled numbers, and are as they should be.
APART = 1000.0


def scale(record: Record) -> Finding:
    """Features that are much larger than others, or than 1."""
    page = "docs/data.md#scaling"
    found = record.observed("inputs")
    ends = _ends(found)
    if ends is None:
        if record.task is None:
            return unknown("inputs were not looked at")
        return fine("every feature is constant" if isinstance(found, dict) else "inputs have no scale")
    largest, smallest = ends
    size = math.hypot(largest["mean"], largest["sd"])
    ratio = largest["sd"] / smallest["sd"]
    evidence = {"largest": largest, "smallest": smallest}
    alone = record.observed("inputs.features") == 1
    said = (
        f"inputs have mean {largest['mean']:.3g} and standard deviation {largest['sd']:.3g}"
        if alone
        else (
            f"feature {largest['name']!r} has mean {largest['mean']:.3g} and standard deviation {largest['sd']:.3g}, "
            f"feature {smallest['name']!r} a deviation of {smallest['sd']:.3g}"
        )
    )
    if size <= LARGE and ratio <= APART:
        return Finding("fine", said, evidence, page)
    unscaled = record.setting("data.scaling") in ("none", "minmax")
    tries = (("data.scaling=standard",),) if unscaled else (("model.norm=batch",),) * bool(record.setting("model.norm"))
    return Finding("fault", f"inputs are not scaled: {said}", evidence, page, tries)


def targets(record: Record) -> Finding:
    """Targets of a regression that are much larger than 1."""
    page = "docs/data.md#scaling"
    found = record.observed("targets")
    if not isinstance(found, dict) or not _entry(found.get("largest")):
        return unknown("targets were not looked at") if record.task is None else fine("targets have no scale")
    largest = found["largest"]
    size = math.hypot(largest["mean"], largest["sd"])
    said = f"targets have mean {largest['mean']:.3g} and standard deviation {largest['sd']:.3g}"
    if size <= LARGE:
        return Finding("fine", said, {"largest": largest}, page)
    tries = (("data.target_scaling=standard",),) * (record.setting("data.target_scaling") == "none")
    return Finding("fault", f"targets are not scaled: {said}", {"largest": largest}, page, tries)


def _ends(found: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    if not isinstance(found, dict):
        return None
    largest, smallest = found.get("largest"), found.get("smallest")
    if largest is None or smallest is None or not (_entry(largest) and _entry(smallest)) or smallest["sd"] <= 0:
        return None
    return largest, smallest


def _entry(end: Any) -> bool:
    return isinstance(end, dict) and "name" in end and all(type(end.get(n)) in (int, float) for n in ("mean", "sd"))
