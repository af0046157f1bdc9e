from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runner.sweep.language import parse
from runner.sweep.samplers import distribution
from runner.sweep.sequences import quantile, random_point, sobol_point


def space(*arguments):
    return parse(arguments, {}, lambda group: [], lambda key: None, lambda lines, node: [])


SPACE = space("lr=tag(log,interval(1e-4,1))", "n=int(interval(1,6))", "z=a,b,c", "r=range(0,10,3)")


@pytest.mark.parametrize("point", [random_point, sobol_point])
@given(order=st.permutations(range(12)), seed=st.integers(0, 3))
def test_a_point_is_a_function_of_seed_and_index(point, order, seed):
    straight = [point(SPACE, seed, i) for i in range(12)]
    assert [point(SPACE, seed, i) for i in order] == [straight[i] for i in order]
    assert straight != [point(SPACE, seed + 1, i) for i in range(12)]


def test_random_draws_have_their_distribution():
    points = [random_point(SPACE, 0, i) for i in range(3000)]
    logs = [math.log(float(p["lr"])) for p in points]
    assert stats.kstest(logs, stats.uniform(math.log(1e-4), math.log(1e4)).cdf).pvalue > 0.01
    for key, values in (("n", "123456"), ("z", "abc"), ("r", "0369")):
        counts = Counter(p[key] for p in points)
        assert set(counts) == set(values)
        assert stats.chisquare(list(counts.values())).pvalue > 0.01
    correlation = np.corrcoef(logs, [int(p["n"]) for p in points])[0, 1]
    assert abs(correlation) < 0.06


def test_a_key_that_is_added_changes_no_other():
    more = space("lr=tag(log,interval(1e-4,1))", "new=1,2", "n=int(interval(1,6))")
    for i in range(20):
        a, b = random_point(SPACE, 5, i), random_point(more, 5, i)
        assert (a["lr"], a["n"]) == (b["lr"], b["n"])


def test_sobol_is_scipys_and_even():
    unit = space("a=interval(0,1)", "b=interval(0,1)", "c=interval(0,1)")
    ours = np.array([[float(v) for v in sobol_point(unit, 7, i).values()] for i in range(64)])
    theirs = stats.qmc.Sobol(3, scramble=True, seed=7).random(64)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    rough = np.array([[float(v) for v in random_point(unit, 7, i).values()] for i in range(64)])
    assert stats.qmc.discrepancy(ours) < 0.2 * stats.qmc.discrepancy(rough)


@given(st.floats(0, 1, exclude_max=True))
def test_quantiles_stay_inside(u):
    for dimension in SPACE.dimensions:
        text = quantile(dimension, u)
        native = dimension.native(text)  # raises when outside
        assert dimension.text(native) == text
        assert distribution(dimension)._contains(distribution(dimension).to_internal_repr(native))
