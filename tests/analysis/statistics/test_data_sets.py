"""Against the definitions of Agarwal et al. 2021 and rliable's own lines, written out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from runner.analysis.statistics.data_sets import (
    Estimate,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)

RUNS = np.random.default_rng(0).normal(0.7, 0.1, size=(4, 5))  # data sets, runs


def test_the_interquartile_mean_is_rliables():
    assert interquartile_mean(RUNS.tolist(), "max").value == stats.trim_mean(RUNS, 0.25, axis=None)


def test_of_eight_runs_it_is_the_mean_of_the_middle_four():
    runs = [[9.0, 2.0, 4.0, 1.0], [3.0, -50.0, 5.0, 6.0]]
    assert interquartile_mean(runs, "max").value == np.mean([2, 3, 4, 5])


def test_the_interval_is_that_of_the_stratified_bootstrap():
    rng, drawn = np.random.default_rng(5), []
    for _ in range(4000):
        again = np.stack([part[rng.integers(0, 5, 5)] for part in RUNS])  # each data set keeps its runs
        drawn.append(stats.trim_mean(again, 0.25, axis=None))
    found = interquartile_mean(RUNS.tolist(), "max")
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.004)
    assert found == interquartile_mean(RUNS.tolist(), "max")
    apart = np.array([[0.1] * 5, [0.5] * 5, [0.9] * 5])
    assert interquartile_mean(apart.tolist(), "max") == Estimate(*[stats.trim_mean(apart, 0.25, axis=None)] * 3)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_failed_runs_are_the_worst_of_all(direction):
    runs = [[1.0, 2.0, None, 4.0], [5.0, 6.0, 7.0, math.nan]]
    kept = [4.0, 5.0, 1.0, 2.0] if direction == "max" else [4.0, 5.0, 6.0, 7.0]
    found = interquartile_mean(runs, direction)
    assert found.value == np.mean(kept)
    assert (found.low is None) == (direction == "max")
    assert (found.high is None) == (direction == "min")
    assert interquartile_mean([[None] * 3, [1.0, 2.0, 3.0]], "max") == Estimate(None, None, None)


def test_a_single_run_of_a_data_set_has_no_interval():
    assert interquartile_mean([[1.0, 2.0], [3.0]], "max") == Estimate(2.0, None, None)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=1), min_size=1, max_size=4), st.integers(0, 5))
def test_probability_of_improvement_of_single_runs(runs, other):
    theirs = [[other]] * len(runs)
    expected = np.mean([(r[0] > other) + 0.5 * (r[0] == other) for r in runs])
    assert probability_of_improvement(runs, theirs, "max").value == pytest.approx(expected)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_probability_of_improvement_is_the_mean_of_mann_whitney(direction):
    rng = np.random.default_rng(1)
    ours, theirs = rng.integers(0, 8, (3, 5)).astype(float), rng.integers(0, 7, (3, 6)).astype(float)
    found = probability_of_improvement(ours.tolist(), theirs.tolist(), direction)
    above = np.mean([stats.mannwhitneyu(a, b).statistic / 30 for a, b in zip(ours, theirs)])
    assert found.value == pytest.approx(above if direction == "max" else 1 - above)
    assert 0 <= found.low < found.value < found.high <= 1


def test_a_failed_run_beats_none():
    assert probability_of_improvement([[None, 1.0]], [[0.0, 2.0]], "max").value == 0.25
    assert probability_of_improvement([[None, 1.0]], [[0.0, 2.0]], "min").value == 0.25
    assert probability_of_improvement([[None]], [[None]], "min").value == 0.5
    with pytest.raises(ValueError, match="same data sets"):
        probability_of_improvement([[1.0]], [[1.0], [2.0]], "max")


def test_the_profile_is_the_share_of_runs_above():
    thresholds = [0.0, 0.6, 0.7, 0.8, 1.0]
    assert performance_profile(RUNS.tolist(), thresholds, "max") == [float((t < RUNS).mean()) for t in thresholds]
    assert performance_profile([[1.0, None], [3.0, math.inf]], [2.0, 0.0, 9.0], "min") == [0.25, 0, 0.5]
    assert performance_profile([[1.0, None], [3.0, math.inf]], [2.0, 0.0, 9.0], "max") == [0.25, 0.5, 0]


def test_data_sets_without_runs_are_refused():
    for runs in ([], [[1.0], []]):
        with pytest.raises(ValueError, match="needs a run"):
            interquartile_mean(runs, "max")
