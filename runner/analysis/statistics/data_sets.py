"""A choice on several data sets: interquartile mean, performance profile, probability of improvement.

Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice" (rliable). The scores of
different data sets must be on one scale before they come here, such as accuracies, or shares of the baseline's error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, trim_mean

from runner.analysis.statistics.evidence import Direction

Array = NDArray[np.float64]
Runs = Sequence[Sequence[float | None]]
"""The runs of a choice ``[data set][run]``, at least one of each; None, NaN or an infinity where it failed."""

_RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A number, and how exactly it is known.

    Attributes:
        value: the estimate; None where failed runs leave none.
        low: lower end of its interval; None where there is none, as with a single run of a data set.
        high: upper end, likewise.
    """

    value: float | None
    low: float | None
    high: float | None


def interquartile_mean(runs: Runs, direction: Direction, confidence: float = 0.95) -> Estimate:
    """The mean of the middle half of all runs on all data sets; the better and the worse quarter count for nothing.

    Args:
        runs: equally many of each data set; where there are more, they weigh more. A failed run is the worst of all.
        direction: whether a smaller or a larger score is better.
        confidence: of the interval: percentiles of 2,000 stratified bootstrap samples, runs drawn anew within each data
            set, always the same draws.
    """
    worst = -math.inf if direction == "max" else math.inf

    def middle(*parts: Array, axis: int = -1) -> Array:
        return np.asarray(trim_mean(np.concatenate(parts, axis), 0.25, axis))

    return _estimate(middle, _parts(runs, worst), confidence)


def probability_of_improvement(runs: Runs, baseline: Runs, direction: Direction, confidence: float = 0.95) -> Estimate:
    """How often a run of the choice beats one of the baseline, ties half: the mean over data sets.

    Args:
        runs: those of the choice.
        baseline: those of the baseline on the same data sets, in their order.
        direction: whether a smaller or a larger score is better.
        confidence: of the interval, as of `interquartile_mean`.

    Raises:
        ValueError: the data sets are not equally many.
    """
    if len(runs) != len(baseline):
        raise ValueError(f"Both need the same data sets. Received: {len(runs)} and {len(baseline)}.")
    sign = 1 if direction == "max" else -1
    parts = [sign * part for part in (*_parts(runs, -sign * math.inf), *_parts(baseline, -sign * math.inf))]

    def probability(*parts: Array, axis: int = -1) -> Array:
        pairs = [
            (a[..., :, None], b[..., None, :]) for a, b in zip(parts[: len(runs)], parts[len(runs) :], strict=True)
        ]
        return np.asarray(np.mean([((a > b) + 0.5 * (a == b)).mean((-2, -1)) for a, b in pairs], 0))

    return _estimate(probability, parts, confidence)


def performance_profile(runs: Runs, thresholds: Sequence[float], direction: Direction) -> list[float]:
    """Which share of all runs on all data sets is better than each threshold; failed runs are better than none.

    Args:
        runs: those of a choice.
        thresholds: scores.
        direction: whether a smaller or a larger score is better.
    """
    scores = np.concatenate(_parts(runs, math.nan))
    return [float(np.mean(scores > t if direction == "max" else scores < t)) for t in thresholds]


def _parts(runs: Runs, failed: float) -> list[Array]:
    if not runs or not all(runs):
        raise ValueError(f"Each data set needs a run. Received: {[len(part) for part in runs]} runs.")
    parts = [np.array([math.nan if score is None else score for score in part], dtype=np.float64) for part in runs]
    return [np.where(np.isfinite(part), part, failed) for part in parts]


def _estimate(statistic: Callable[..., Array], parts: list[Array], confidence: float) -> Estimate:
    with np.errstate(invalid="ignore"):  # infinities of failed runs
        value = float(statistic(*parts))
        if min(map(len, parts)) < 2:
            return Estimate(_finite(value), None, None)
        drawn = bootstrap(
            parts,
            statistic,
            vectorized=True,
            n_resamples=_RESAMPLES,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(0),
        )
    interval = drawn.confidence_interval
    return Estimate(_finite(value), _finite(interval.low), _finite(interval.high))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
