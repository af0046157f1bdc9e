"""How long calls take, and how two networks compare that were asked in turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as the first network one is; above 1 is faster.

    Attributes:
        median: over the rounds, of the ratio of both medians in a round.
        low: end of the interval in which that median lies at `LEVEL`; None where the rounds are too few for one.
        high: the other end.
    """

    median: float
    low: float | None = None
    high: float | None = None

    @property
    def differs(self) -> bool:
        """Whether the two are shown to differ: the interval does not hold 1."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


@dataclass(frozen=True)
class Latency:
    """How long a network takes for a batch.

    Attributes:
        size: examples in a batch.
        calls: that were timed.
        median: in milliseconds, of all calls.
        p95: likewise; None below 20 calls, which have no such percentile.
        p99: likewise; None below 100 calls.
        per_second: examples in a second of work.
        rounds: median of each round, in milliseconds.
        ratio: to the first network; None of that itself.
    """

    size: int
    calls: int
    median: float
    p95: float | None
    p99: float | None
    per_second: float
    rounds: tuple[float, ...]
    ratio: Ratio | None = None

    @classmethod
    def of(cls, size: int, rounds: Sequence[Sequence[int]], first: Latency | None = None) -> Latency:
        """From the times of calls.

        Args:
            size: examples in a batch.
            rounds: nanoseconds of each call, by round.
            first: the network that this one is compared with, which had its turn in the same rounds.
        """
        times = np.array([time for part in rounds for time in part], np.float64)
        medians = tuple(float(np.median(part)) / 1e6 for part in rounds)
        return cls(
            size,
            len(times),
            float(np.median(times)) / 1e6,
            _percentile(times, 95),
            _percentile(times, 99),
            size * len(times) / (float(times.sum()) / 1e9),
            medians,
            None if first is None else ratio(medians, first.rounds),
        )


def _percentile(times: np.ndarray, percent: int) -> float | None:
    """In milliseconds; None where fewer calls lie beyond it than one."""
    return float(np.percentile(times, percent)) / 1e6 if len(times) * (100 - percent) >= 100 else None


def ratio(own: Sequence[float], first: Sequence[float]) -> Ratio:
    """How many times as fast as the first network another is, by the rounds in which both had their turn."""
    each = [before / after for before, after in zip(first, own, strict=True)]
    return Ratio(float(np.median(each)), *(median_interval(each) or (None, None)))


def median_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """Two of the values between which the median of their distribution lies at `level`, whatever that distribution is.

    The k-th smallest and the k-th largest of n hold it with probability ``1 - 2 P(B < k)``, where B is binomial(n, 1/2)
    (Conover 1999, "Practical Nonparametric Statistics", section 3.2). k is the largest for which that is enough; below
    six values there is none at 0.95.
    """
    n, ordered, beyond, k = len(values), sorted(values), 0.0, 0
    while k < n / 2 and 2 * (beyond := beyond + math.comb(n, k) / 2**n) <= 1 - level:
        k += 1
    return (ordered[k - 1], ordered[n - k]) if k else None
