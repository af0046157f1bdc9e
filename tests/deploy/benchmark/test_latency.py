"""Percentiles and intervals against numpy, scipy and tables."""

import numpy as np
import pytest
from scipy.stats import binom

from runner.deploy.benchmark.latency import Latency, median_interval, ratio


def test_times_are_those_of_numpy():
    drawn = np.random.default_rng(0).lognormal(12, 0.3, (20, 30)).astype(int)
    found = Latency.of(32, drawn.tolist())
    milliseconds = drawn.ravel() / 1e6
    assert found.calls == 600
    assert (found.median, found.p95, found.p99) == pytest.approx(np.percentile(milliseconds, [50, 95, 99]))
    assert found.rounds == pytest.approx(np.median(drawn / 1e6, axis=1))
    assert found.per_second == pytest.approx(32 / (milliseconds.mean() / 1000))
    assert found.ratio is None


@pytest.mark.parametrize(
    ("calls", "p95", "p99"), [(19, False, False), (20, True, False), (99, True, False), (100, True, True)]
)
def test_a_percentile_needs_a_call_beyond_it(calls, p95, p99):
    found = Latency.of(1, [list(range(1, calls + 1))])
    assert (found.p95 is not None, found.p99 is not None) == (p95, p99)


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (8, 1), (9, 2), (10, 2), (15, 4), (20, 6), (25, 8), (30, 10)])
def test_the_interval_has_the_ranks_of_the_sign_test(n, rank):
    """Ranks as in table A3 of Conover 1999, and such that the next ones would hold the median too rarely."""
    values = list(np.random.default_rng(n).permutation(n) + 1)
    assert median_interval(values) == (rank, n + 1 - rank)
    assert 1 - 2 * binom.cdf(rank - 1, n, 0.5) >= 0.95 > 1 - 2 * binom.cdf(rank, n, 0.5)


def test_five_rounds_have_no_interval():
    assert median_interval([1, 2, 3, 4, 5]) is None
    assert median_interval([]) is None


def test_the_interval_holds_the_median_as_often_as_it_says():
    drawn = np.random.default_rng(0).exponential(size=(2000, 20))
    ends = np.array([median_interval(row) for row in drawn])
    held = (ends[:, 0] <= np.log(2)) & (np.log(2) <= ends[:, 1])
    assert held.mean() == pytest.approx(1 - 2 * binom.cdf(5, 20, 0.5), abs=0.015)


def test_the_ratio_is_above_one_where_it_is_faster():
    found = ratio([1.0] * 10, [3.0, 4.0] * 5)
    assert (found.median, found.low, found.high, found.differs) == (3.5, 3.0, 4.0, True)
    assert not ratio([1.0, 2.0] * 5, [2.0, 1.0] * 5).differs
    assert not ratio([1.0] * 10, [1.0] * 10).differs  # also where 1 is an end
    assert ratio([1.0] * 10, [2.0] * 9 + [100.0]).median == 2  # whatever one round does
    assert not ratio([1.0] * 3, [2.0] * 3).differs  # too few rounds to show anything
    assert Latency.of(1, [[2_000_000]], Latency.of(1, [[1_000_000]])).ratio.median == 0.5
