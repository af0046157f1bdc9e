"""One word for what the runs of an arm have shown."""

from __future__ import annotations

from typing import Literal

from runner.analysis.statistics.evidence import Direction, Evidence

Verdict = Literal["better", "worse", "equivalent", "no difference shown", "too few runs"]
Interval = tuple[float, float]


def verdict(
    evidence: Evidence,
    interval: Interval,
    punished: Interval,
    *,
    differs: bool,
    fails_differently: bool,
    direction: Direction,
    margin: float | None,
) -> tuple[Verdict, str]:
    """The verdict, and what it rests on besides the interval (empty where on nothing else).

    Scores and failures speak for the arm, against it, or not at all. Scores speak where the test refuses that there is
    no difference, and would where failed runs count as the worst run seen. An interval within the margin is that of two
    one-sided tests at half of alpha (Schuirmann 1987): the difference doesn't matter, even where it is certain. An arm
    that failed more often than the baseline, be it once, is not equivalent.

    Args:
        evidence: the runs.
        interval: of the difference of those that completed.
        punished: of the difference where failed runs have the worst score.
        differs: whether the test of the scores refuses that there is no difference.
        fails_differently: whether that of the failures does.
        direction: whether a smaller or a larger score is better.
        margin: differences below it do not matter.
    """
    side = 0 if not differs else _side(interval, direction)
    by_scores = side if side == _side(punished, direction) else 0
    by_failures = _fails(evidence) if fails_differently else 0
    if by_scores * by_failures < 0:
        return (
            "no difference shown",
            "better scores, more failures" if by_scores > 0 else "worse scores, fewer failures",
        )
    if margin is not None and not by_failures and all(-margin < end < margin for end in (*interval, *punished)):
        return (
            ("equivalent", "") if _fails(evidence) >= 0 else ("no difference shown", "within the margin, more failures")
        )
    if by_scores or by_failures:
        why = "" if by_scores else "more failures" if by_failures < 0 else "fewer failures"
        return "better" if by_scores + by_failures > 0 else "worse", why
    difference = evidence.completed
    if difference is None or not evidence.enough:
        return "too few runs", ""
    if difference.alike is not None and difference.estimate == 0:
        return "no difference shown", "all scores are equal: does it change anything here?"
    if difference.alike is not None:
        return "too few runs", "all differences are equal, which with so few runs may be chance"
    return "no difference shown", "failed runs count as the worst run seen" if side else ""


def _side(interval: Interval, direction: Direction) -> int:
    """1 where the whole interval is on the better side of 0, -1 on the worse one, 0 where 0 is in it."""
    above = (interval[0] > 0) - (interval[1] < 0)
    return above if direction == "max" else -above


def _fails(evidence: Evidence) -> int:
    """1 where the baseline fails more often, -1 where the arm does."""
    arm, baseline = evidence.scores, evidence.baseline_scores
    rates = (arm.failures * (baseline.n + baseline.failures), baseline.failures * (arm.n + arm.failures))
    return (rates[0] < rates[1]) - (rates[0] > rates[1])
