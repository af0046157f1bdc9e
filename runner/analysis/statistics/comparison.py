"""Arms against a baseline: difference, interval, p, and one verdict for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from runner.analysis.statistics.difference import Array, Difference
from runner.analysis.statistics.evidence import Direction, Evidence, Scores, gather
from runner.analysis.statistics.power import noncentrality
from runner.analysis.statistics.spread import Spread
from runner.analysis.statistics.verdict import Verdict, verdict


@dataclass(frozen=True)
class Comparison:
    """An arm against the baseline.

    Attributes:
        arm: its name.
        baseline: that of the baseline.
        scores: of the arm's runs; where runs are paired, of those that have a partner.
        baseline_scores: of the baseline's, likewise.
        n: pairs in which both runs completed; where runs are not paired, completed runs of the smaller side.
        difference: mean of the arm minus mean of the baseline over these, in the score's own unit and sign; None
            without any.
        deviation: standard deviation of the differences of pairs; None where there are none.
        confidence: how often an interval such as this one holds the true difference, where the t model holds: at least
            1 - alpha, and more where several arms are compared. It is the level at which Holm's procedure judged this
            arm, so that the interval lies beside 0 exactly where `p_holm` is at most alpha. That all intervals of a
            family hold at once is less frequent than that each does.
        low: lower end of that interval; None where so few runs can tell nothing.
        high: upper end, likewise.
        p: two-sided p of no difference (t test; where there are several looks, over all of them).
        p_holm: `p`, corrected for the number of arms (Holm 1979).
        p_failures: two-sided p of failing equally often (Fisher's exact test), corrected likewise.
        probability_of_improvement: how often a run of the arm beat the baseline's run with the same seed, where runs
            are not paired any run of the baseline; ties count half, and a failed run loses. It says how large an
            effect is among runs, not how sure: with many seeds a tiny one is certain at 0.55. None without any.
        smallest_difference: what these runs (of a plan with several looks, all its runs) would show in 8 of 10 cases if
            it were the true difference, given how much runs vary; None where that is not known.
        margin: differences below it do not matter; None where nobody said so.
        verdict: what follows.
        reason: what else it rests on; empty where the numbers say it all.
    """

    arm: str
    baseline: str
    scores: Spread
    baseline_scores: Spread
    n: int
    difference: float | None
    deviation: float | None
    confidence: float
    low: float | None
    high: float | None
    p: float
    p_holm: float
    p_failures: float
    probability_of_improvement: float | None
    smallest_difference: float | None
    margin: float | None
    verdict: Verdict
    reason: str

    def __str__(self) -> str:
        return f"equivalent within {self.margin:g}" if self.verdict == "equivalent" else self.verdict


class Test(Protocol):
    """How the p of a single test counts.

    Attributes:
        share: of alpha that is there for tests which don't know of other looks.
    """

    share: float

    def nominal(self, level: float) -> float:
        """The p of a single test that is just refused, where all looks together shall err at `level`."""

    def overall(self, p: float) -> float:
        """The level at which the p of a single test would just be refused; `nominal` backwards."""

    def smallest_difference(self, difference: Difference, level: float) -> float:
        """The true difference that would be shown at `level` in 8 of 10 cases."""


class Once:
    """A test that is made once."""

    share = 1.0

    def nominal(self, level: float) -> float:
        """The level itself."""
        return level

    def overall(self, p: float) -> float:
        """The p itself."""
        return p

    def smallest_difference(self, difference: Difference, level: float) -> float:
        """See `Test`."""
        return noncentrality(difference.freedom, level) * difference.error


def compare(
    arms: Mapping[str, Scores],
    direction: Direction,
    alpha: float = 0.05,
    margin: float | None = None,
    pairs: bool = True,
    test_to_train: float = 0.0,
) -> dict[str, Comparison]:
    """Each arm against the first one, the baseline, after all runs were made.

    Args:
        arms: the runs of each. None of them may have been used to choose anything (see `selection`), nor looked at to
            decide how many there shall be (see `sequential`).
        direction: whether a smaller or a larger score is better.
        alpha: how often any arm may be called better or worse though none is; in (0, 1).
        margin: differences below it do not matter; None asks for no equivalence.
        pairs: whether runs of one key have seed, split and order of samples in common.
        test_to_train: see `difference.paired`; only where `pairs`.

    Raises:
        ValueError: there is no baseline, or alpha or the margin is out of range.
    """
    if not arms:
        raise ValueError("The first arm is the baseline. Received: no arms.")
    check(alpha, margin)
    return judge(
        [(gather(arms, arm, direction, pairs, test_to_train), Once()) for arm in list(arms)[1:]],
        direction,
        alpha,
        margin,
    )


def check(alpha: float, margin: float | None) -> None:
    """Refuse what is out of range."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be above 0 and below 1. Received: {alpha}.")
    if margin is not None and not 0 < margin < math.inf:
        raise ValueError(f"margin must be above 0. Received: {margin}.")


def judge(
    found: Sequence[tuple[Evidence, Test]], direction: Direction, alpha: float, margin: float | None
) -> dict[str, Comparison]:
    """The verdict of each arm of a family.

    Args:
        found: what is known of each arm, and how its test counts.
        direction: as of `compare`.
        alpha: likewise.
        margin: likewise.
    """
    if not found:
        return {}
    ps = [test.overall(e.completed.p) if e.completed and e.enough else 1.0 for e, test in found]
    p_holm = _holm(ps)
    p_failures = _holm([min(1.0, e.p_failures / test.share) for e, test in found])
    refused = int((p_holm <= alpha).sum())
    ranks = np.argsort(np.argsort(ps, kind="stable"))
    judged = {}
    for (evidence, test), p, corrected, failing, rank in zip(found, ps, p_holm, p_failures, ranks, strict=True):
        level = alpha / (len(ps) - min(int(rank), refused))
        completed = _interval(evidence, evidence.completed, test, level)
        punished = _interval(evidence, evidence.punished, test, level)
        word, reason = verdict(
            evidence,
            completed,
            punished,
            differs=bool(corrected <= alpha),
            fails_differently=bool(failing <= alpha),
            direction=direction,
            margin=margin,
        )
        difference = evidence.completed
        known = difference is not None and evidence.enough and difference.alike is None
        judged[evidence.arm] = Comparison(
            evidence.arm,
            evidence.baseline,
            evidence.scores,
            evidence.baseline_scores,
            n=difference.n if difference else 0,
            difference=difference.estimate if difference else None,
            deviation=difference.deviation if difference else None,
            confidence=1 - level,
            low=completed[0] if math.isfinite(completed[0]) else None,
            high=completed[1] if math.isfinite(completed[1]) else None,
            p=p,
            p_holm=float(corrected),
            p_failures=float(failing),
            probability_of_improvement=evidence.wins,
            smallest_difference=test.smallest_difference(difference, level) if difference and known else None,
            margin=margin,
            verdict=word,
            reason=reason,
        )
    return judged


def _holm(ps: Sequence[float]) -> Array:
    """Corrected for their number. Where there is nothing to correct statsmodels isn't asked: it collects garbage."""
    if len(ps) == 1 or min(ps) == 1:
        return np.asarray(ps)
    from statsmodels.stats.multitest import multipletests  # a second, which a wrong command need not wait for

    return np.asarray(multipletests(ps, method="holm")[1])


def _interval(evidence: Evidence, difference: Difference | None, test: Test, level: float) -> tuple[float, float]:
    """Unbounded where there are too few runs."""
    if difference is None or not evidence.enough:
        return -math.inf, math.inf
    return difference.interval(test.nominal(level))
