"""A comparison in words, beside its sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.analysis.numbers import number
from runner.analysis.report.document import Mark
from runner.analysis.report.reading import names, text
from runner.analysis.run import number as finite

MARKS: dict[str, Mark] = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "no difference shown": "open",
    "too few runs": "few",
}


def mark(comparison: Mapping[str, Any]) -> Mark:
    """The sign of its verdict."""
    return MARKS.get(text(comparison.get("verdict")), "")


def verdict(comparison: Mapping[str, Any]) -> str:
    """Its verdict, with the margin and the reason where there is one."""
    word, margin, reason = text(comparison.get("verdict")), finite(comparison.get("margin")), comparison.get("reason")
    word = f"{word} within {margin:g}" if word == "equivalent" and margin is not None else word
    return f"{word} ({reason})" if text(reason) else word or "-"


def interval(comparison: Mapping[str, Any]) -> str:
    """Its difference with the interval's ends: ``+0.0082 (+0.0052 to +0.0112)``."""
    difference, low, high = (finite(comparison.get(name)) for name in ("difference", "low", "high"))
    if difference is None:
        return "-"
    digits = _digits(difference, low, high)
    said, *ends = (_signed(value, digits) for value in (difference, low, high) if value is not None)
    return f"{said} ({' to '.join(ends)})" if len(ends) == 2 else said


def _signed(value: float, digits: int) -> str:
    """With its sign, unless nothing of it is left."""
    shown = f"{value:+.{digits}f}"
    return shown if float(shown) else shown[1:]


def _digits(difference: float, low: float | None, high: float | None) -> int:
    """Decimals at which half of the interval's width has two significant digits."""
    half = abs(difference) if low is None or high is None else (high - low) / 2
    if half == 0:
        return 4
    return min(8, max(0, 1 - int(f"{half:e}".partition("e")[2])))


def sentence(arm: str, baseline: str, comparison: Mapping[str, Any], units: str = "pairs") -> str:
    """What was found of an arm, from so many `units`."""
    word = text(comparison.get("verdict"))
    means = [finite(names(comparison.get(name)).get("mean")) for name in ("scores", "baseline_scores")]
    said = {
        "better": f"{arm} is better than {baseline}",
        "worse": f"{arm} is worse than {baseline}",
        "equivalent": f"{arm} and {baseline} are equivalent",
        "no difference shown": f"No difference between {arm} and {baseline} was shown",
        "too few runs": f"Too few runs to tell {arm} from {baseline}",
    }.get(word, f"{arm}: {word or 'nothing is known yet'}")
    margin, reason, least = (comparison.get(name) for name in ("margin", "reason", "smallest_difference"))
    if word == "equivalent" and finite(margin) is not None:
        said += f" within {margin:g}"
    if text(reason):
        said += f" ({reason})"
    if None not in means:
        said += f": {number(means[0])} and {number(means[1])}"
    known = _evidence(comparison, units)
    said += f", {known}" if known and None not in means else f": {known}" if known else ""
    if word == "no difference shown" and (size := finite(least)) is not None:
        said += f". A true difference of {size:.2g} or more would have been shown in 8 of 10 cases"
    return f"{said}."


def _evidence(comparison: Mapping[str, Any], units: str) -> str:
    """Difference, interval, p and n."""
    if finite(comparison.get("difference")) is None:
        return ""
    known = [f"difference {interval(comparison)}"]
    level, p, n = (finite(comparison.get(name)) for name in ("confidence", "p_holm", "n"))
    if level is not None and finite(comparison.get("low")) is not None:
        known[0] = known[0].removesuffix(")") + f", {level * 100:.3g} % interval)"
    known += [f"p {p:.2g}"] if p is not None else []
    known += [f"{n:.0f} {units}"] if n is not None else []
    return ", ".join(known)
