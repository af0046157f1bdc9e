import math

import numpy as np
import pytest
from scipy import stats

from runner.analysis.statistics.spread import Spread
from runner.sweep.results import Spread as SweepSpread


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_interval_is_scipys(confidence):
    values = np.random.default_rng(0).normal(size=6)
    spread = Spread.of(values.tolist(), confidence)
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    assert (spread.low, spread.high) == pytest.approx(tuple(expected))
    assert (spread.mean, spread.deviation, spread.n) == pytest.approx((values.mean(), values.std(ddof=1), 6))


def test_a_sweep_says_the_same():
    values = [0.25, 0.5, 0.875]
    ours, theirs = Spread.of(values), SweepSpread.of(values)
    assert (ours.mean, ours.deviation, ours.n) == (theirs.mean, theirs.deviation, theirs.n)


def test_failed_runs_are_counted_and_left_out():
    assert Spread.of([1.0, None, math.nan, math.inf, 3.0]) == Spread.of([1.0, 3.0]).__class__(
        2.0, math.sqrt(2), 2, Spread.of([1.0, 3.0]).low, Spread.of([1.0, 3.0]).high, 3
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Spread(None, None, 0)),
        ([math.nan], Spread(None, None, 0, failures=1)),
        ([0.5], Spread(0.5, None, 1)),
        ([0.5, 0.5, 0.5], Spread(0.5, 0.0, 3)),
    ],
)
def test_there_is_no_interval_where_nothing_varies(values, expected):
    assert Spread.of(values) == expected


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_scale(scale):
    assert Spread.of([scale, 3 * scale]).deviation == pytest.approx(math.sqrt(2) * scale)


@pytest.mark.parametrize("scores", [[0.5, None], [0.5, None, 0.5], [0.5, None, 0.6], [None], [0.5, float("nan")]])
def test_every_run_that_failed_is_counted(scores):
    assert (Spread.of(scores).failures, Spread.of(scores).n) == (1, len(scores) - 1)
