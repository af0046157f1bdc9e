"""The boundary against simulated looks, closed cases and another way of computing it; what a driver is told."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from statsmodels.stats.multitest import multipletests

from runner.analysis.statistics import boundary
from runner.analysis.statistics.boundary import Boundary, spent
from runner.analysis.statistics.comparison import compare
from runner.analysis.statistics.sequential import Plan, sequential

PLANS = [(3, 4, 5), (5, 10, 15, 20), tuple(range(3, 13)), (3, 20), (8,)]


def nominal(looks, level=0.05):
    spending = tuple(spent(n / looks[-1]) for n in looks)
    return [Boundary(looks[: k + 1], spending[: k + 1]).nominal(level) for k in range(len(looks))]


@pytest.mark.parametrize("looks", PLANS, ids=str)
def test_looks_together_err_at_the_level(looks):
    """200,000 null experiments; within four standard errors and one percent, which is what the grid costs."""
    x = np.random.default_rng(0).normal(size=(200_000, looks[-1]))
    total, squares = x.cumsum(1), (x * x).cumsum(1)
    crossed = np.zeros(len(x), bool)
    for n, p in zip(looks, nominal(looks)):
        mean = total[:, n - 1] / n
        t = mean / np.sqrt((squares[:, n - 1] - n * mean**2) / (n - 1) / n)
        crossed |= np.abs(t) >= stats.t.isf(p / 2, n - 1)
        expected = 0.05 * spent(n / looks[-1])
        assert crossed.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / len(x)) + 0.01 * expected)


def test_one_look_is_the_t_test():
    only = Boundary((8,), (1.0,))
    for level in (1e-5, 0.01, 0.05, 0.5):
        assert only.nominal(level) == pytest.approx(level, rel=1e-4)


def test_the_second_look_by_integration():
    """Of two and three differences: P(|t₂| < c₂, |t₃| > c₃) as an integral over angles, in two dimensions."""
    spending, level = (0.4, 1.0), 0.1
    first, second = (Boundary((2, 3)[: k + 1], spending[: k + 1]).nominal(level) for k in range(2))
    assert first == pytest.approx(0.04, rel=1e-3)
    c2, c3 = stats.t.isf(first / 2, 1), stats.t.isf(second / 2, 2)

    grid = 1000  # over the sphere, uniform in z = x3 and the angle
    z, angle = (np.arange(grid) + 0.5) / grid * 2 - 1, (np.arange(grid) + 0.5) / grid * 2 * math.pi
    z, angle = np.meshgrid(z, angle)
    x = np.stack([np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle), z])
    t2 = np.abs(x[0] + x[1]) / np.maximum(np.abs(x[0] - x[1]), 1e-300)
    t3 = np.abs(x.mean(0)) / (x.std(0, ddof=1) / math.sqrt(3))
    assert ((t2 < c2) & (t3 > c3)).mean() == pytest.approx(0.06, rel=0.01)


def test_many_pairs_are_as_the_normal_distribution_says():
    """Two looks at 60 and 120 pairs against the bivariate normal distribution with correlation √(1/2)."""
    looks, rho = (60, 120), math.sqrt(0.5)
    first, second = nominal(looks)
    a, b = stats.norm.isf(first / 2), stats.norm.isf(second / 2)
    goes_on, _ = integrate.quad(
        lambda z: stats.norm.pdf(z) * (stats.norm.cdf((b - rho * z) / rho) - stats.norm.cdf((-b - rho * z) / rho)),
        -a,
        a,
    )
    assert 1 - goes_on == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize("looks", PLANS, ids=str)
def test_a_level_and_its_p_are_the_same_thing(looks):
    spending = tuple(spent(n / looks[-1]) for n in looks)
    for k in range(len(looks)):
        at = Boundary(looks[: k + 1], spending[: k + 1])
        ps = [at.nominal(level) for level in np.geomspace(1e-9, 0.9, 50)]
        assert np.all(np.diff(ps) > 0)
        assert [at.overall(p) for p in ps] == pytest.approx(np.geomspace(1e-9, 0.9, 50))
        assert at.overall(1.0) == 1.0


def test_the_grid_is_fine_enough(monkeypatch):
    looks = tuple(range(3, 9))
    coarse = nominal(looks)
    for cached in (boundary._passed, boundary._beyond):
        cached.cache_clear()
    edges = np.linspace(0, 7.5, 601)
    monkeypatch.setattr(boundary, "_SCORES", edges)
    monkeypatch.setattr(boundary, "_MIDDLES", (edges[1:] + edges[:-1]) / 2)
    fine = nominal(looks)
    for cached in (boundary._passed, boundary._beyond):
        cached.cache_clear()
    assert coarse == pytest.approx(fine, rel=0.01)


# What a driver is told


def arms(seed, n, **shifts):
    rng = np.random.default_rng(seed)
    return {name: dict(enumerate(rng.normal(shift, 1, size=n).tolist())) for name, shift in shifts.items()}


def first(given, n):
    return {name: dict(list(scores.items())[:n]) for name, scores in given.items()}


def test_a_single_look_is_compare():
    given = arms(0, 8, none=0, a=1, b=0.2, c=3)
    once, plan = compare(given, "max"), sequential(given, Plan((8,)), "max")
    assert (plan.going_on, plan.seeds) == ((), None)
    for name, c in once.items():
        other = plan.comparisons[name]
        assert (other.verdict, other.n, other.confidence) == (c.verdict, c.n, c.confidence)
        assert (other.p, other.p_holm, other.low, other.high) == pytest.approx((c.p, c.p_holm, c.low, c.high), rel=5e-3)
        assert other.smallest_difference == pytest.approx(c.smallest_difference, rel=5e-3)


def test_what_is_needed_next():
    given, plan = arms(1, 12, none=0, far=-3, near=0.1), Plan((4, 8, 12))
    start = sequential(first(given, 0), plan, "max")
    assert (start.comparisons, start.going_on, start.seeds) == ({}, ("far", "near"), 4)
    assert sequential(first(given, 3), plan, "max").seeds == 4
    once = sequential(first(given, 4), plan, "max")
    assert set(once.comparisons) == {"far", "near"}
    assert (once.going_on, once.seeds) == (("far", "near"), 8)
    twice = sequential(first(given, 8), plan, "max")
    assert twice.comparisons["far"].verdict == "worse"
    assert (twice.going_on, twice.seeds) == (("near",), 12)
    ended = sequential(given, plan, "max")
    assert (ended.going_on, ended.seeds) == ((), None)
    assert ended.comparisons["far"] == twice.comparisons["far"], "settled arms stay as they were, whatever came after"
    assert (ended.comparisons["near"].n, ended.comparisons["near"].verdict) == (12, "no difference shown")


def test_a_settled_arm_needs_no_more_runs():
    given, plan = arms(1, 12, none=0, far=-3, near=0.1), Plan((4, 8, 12))
    whole = sequential(given, plan, "max")
    stopped = {name: dict(list(scores.items())[: 8 if name == "far" else 12]) for name, scores in given.items()}
    assert sequential(stopped, plan, "max") == whole


@pytest.mark.parametrize("seed", range(3))
def test_the_same_verdicts_in_one_go_and_in_pieces(seed):
    given, plan = arms(seed, 20, none=0, a=0.5, b=1.5, c=-1), Plan(tuple(range(3, 21)))
    pieces, seeds = None, 0
    while pieces is None or pieces.going_on:
        seeds = pieces.seeds if pieces else 3
        pieces = sequential(first(given, seeds), plan, "max")
    assert pieces == sequential(given, plan, "max")


def test_each_look_is_kept_as_it_was():
    scores = np.random.default_rng(3).normal(size=(3, 12))
    arms = {name: dict(enumerate(row.tolist())) for name, row in zip("abc", scores)}
    plan = Plan((3, 6, 12))
    whole = sequential(arms, plan, "max")
    for look, needed in enumerate(plan.looks):
        until_then = {name: {seed: runs[seed] for seed in range(needed)} for name, runs in arms.items()}
        assert whole.looked[look] == sequential(until_then, plan, "max").comparisons
    assert len({found["b"].difference for found in whole.looked}) == 3


def test_an_arm_that_differs_leaves_its_alpha_to_the_others():
    given, plan = arms(3, 10, none=0, a=0, b=8), Plan((5, 10))
    found = sequential(given, plan, "max").comparisons
    assert (found["b"].verdict, found["b"].n) == ("better", 5)
    assert found["b"].confidence == pytest.approx(0.975)
    assert (found["a"].verdict, found["a"].confidence, found["a"].p_holm) == ("no difference shown", 0.95, found["a"].p)


def test_holm_at_a_look():
    given = arms(5, 6, none=0, a=0.5, b=0.3, c=0.8)
    found = sequential(given, Plan((6, 12)), "max").comparisons
    ps = [c.p for c in found.values()]
    assert [c.p_holm for c in found.values()] == pytest.approx(multipletests(ps, method="holm")[1])


@pytest.mark.parametrize("seed", range(4))
def test_intervals_say_what_the_verdicts_say(seed):
    given = arms(seed, 15, none=0, a=0.7, b=1.5, c=0)
    for n in range(3, 16):
        for c in sequential(first(given, n), Plan(tuple(range(3, 16))), "max").comparisons.values():
            beside = c.low is not None and (c.low > 0 or c.high < 0)
            assert (c.verdict in ("better", "worse")) == beside == (c.p_holm <= 0.05)


def test_failed_pairs_are_no_look_of_their_own():
    """A look that brings no pair lends its share of alpha to the pairs that are there."""
    given = arms(0, 6, none=0, a=1)
    given["a"][5] = None
    late = sequential(given, Plan((4, 5, 6)), "max").comparisons["a"]
    merged = Boundary((4, 5), (spent(4 / 6), 1.0))
    t = stats.ttest_rel(*[[given[name][i] for i in range(5)] for name in ("a", "none")])
    assert (late.n, late.scores.failures) == (5, 1)
    assert late.p == pytest.approx(merged.overall(t.pvalue))


def test_an_arm_that_always_fails_is_worse_in_time():
    given = arms(0, 30, none=0)
    given["broken"] = dict.fromkeys(range(30))
    found = sequential(given, Plan(tuple(range(3, 31))), "max").comparisons["broken"]
    assert (found.verdict, found.reason) == ("worse", "more failures")
    assert found.scores.failures < 15


def test_failures_have_the_share_of_alpha_of_their_look():
    runs = {"a": {seed: 0.5 + seed % 3 / 10 for seed in range(16)}}
    runs["b"] = {seed: None if seed < 6 else 0.5 + seed % 4 / 10 for seed in range(8)}
    found = sequential(runs, Plan((8, 16)), "max").comparisons["b"]
    alone = stats.fisher_exact([[6, 2], [0, 8]]).pvalue
    assert found.p_failures == pytest.approx(alone / spent(0.5))
    runs["b"] = {seed: None if seed in (1, 3, 5, 8, 9, 11, 12) else 0.5 + seed % 4 / 10 for seed in range(16)}
    found = sequential(runs, Plan((8, 16)), "max").comparisons["b"]
    alone = stats.fisher_exact([[7, 9], [0, 16]]).pvalue
    assert found.p_failures == pytest.approx(alone / (1 - spent(0.5))), "what the first look has not spent"


def test_an_arm_that_is_settled_as_equivalent_stays_in_the_family():
    base = {seed: 0.5 + seed % 5 / 100 for seed in range(16)}
    runs = {
        "base": base,
        "same": {seed: score + (-1) ** seed / 1000 for seed, score in base.items()},
        "other": {seed: score + 0.1 * (-1) ** seed + 0.04 for seed, score in base.items()},
    }
    found = sequential(runs, Plan((8, 16), margin=0.01), "max")
    assert [found.looked[0][arm].verdict for arm in ("same", "other")] == ["equivalent", "no difference shown"]
    assert found.comparisons["other"].confidence == pytest.approx(1 - 0.05 / 2), "only who differs leaves its share"


def test_until_the_interval_is_narrow():
    given = arms(0, 30, none=0, a=0)
    wide = sequential(given, Plan(tuple(range(3, 31))), "max").comparisons["a"]
    narrow = sequential(given, Plan(tuple(range(3, 31)), until=1.0), "max")
    found = narrow.comparisons["a"]
    assert narrow.going_on == ()
    assert found.n < wide.n == 30
    assert found.high - found.low <= 2


def test_equivalent_within_a_margin():
    given = arms(0, 30, none=0)
    noise = np.random.default_rng(9).normal(0, 0.1, 30)
    given["a"] = {i: score + noise[i] for i, score in given["none"].items()}
    found = sequential(given, Plan(tuple(range(3, 31)), margin=0.2), "max").comparisons["a"]
    assert found.verdict == "equivalent"
    assert found.n < 12


def test_the_smallest_difference_is_that_of_the_whole_plan():
    """80 % of plans show it at the last look alone."""
    plan, n = Plan((4, 8, 12)), 12
    rng = np.random.default_rng(0)
    first_looks = [arms(seed, 4, none=0, a=0) for seed in range(3)]
    for given in first_looks:
        found = sequential(given, plan, "max").comparisons["a"]
        effect = found.smallest_difference / found.deviation
        x = rng.normal(effect, 1, size=(100_000, n))
        shown = stats.ttest_1samp(x, 0, axis=1).pvalue <= nominal(plan.looks)[-1]
        assert shown.mean() == pytest.approx(0.8, abs=0.006)


def test_a_plan_that_makes_no_sense_is_refused():
    for looks in ((), (0, 1), (3, 3), (5, 4)):
        with pytest.raises(ValueError, match="rise"):
            Plan(looks)
    with pytest.raises(ValueError, match="alpha"):
        Plan((3,), alpha=1.0)
    with pytest.raises(ValueError, match="until"):
        Plan((3,), until=0.0)
    with pytest.raises(ValueError, match="baseline"):
        sequential({}, Plan((3,)), "max")
    assert sequential({"none": {}}, Plan((3,)), "max").seeds is None
