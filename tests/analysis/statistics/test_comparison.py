"""Differences, intervals and p against scipy and statsmodels by hand; verdicts on input whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from runner.analysis.statistics.comparison import compare
from runner.analysis.statistics.difference import paired
from runner.analysis.statistics.evidence import gather

SCORES = st.lists(st.floats(-10, 10).map(lambda x: round(x, 6)), min_size=3, max_size=12)
FAILED = (None, math.nan, math.inf, -math.inf)


def runs(*values):
    return dict(enumerate(values))


def against(baseline, arm, direction="max", **settings):
    return compare({"none": runs(*baseline), "arm": runs(*arm)}, direction, **settings)["arm"]


def drawn(seed, n, arms, shift=0.0):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    return {f"arm {i}": runs(*(common + rng.normal(shift * i, 1, size=n))) for i in range(arms + 1)}


def test_paired_is_scipys_ttest_rel():
    baseline, arm = np.random.default_rng(0).normal(size=(2, 7))
    found, expected = against(baseline, arm), stats.ttest_rel(arm, baseline)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.difference == pytest.approx((arm - baseline).mean())
    assert found.deviation == pytest.approx((arm - baseline).std(ddof=1))
    assert (found.n, found.confidence) == (7, 0.95)
    assert found.probability_of_improvement == np.mean(arm > baseline)


def test_unpaired_is_scipys_welch():
    rng = np.random.default_rng(1)
    baseline, arm = rng.normal(0, 1, 5), rng.normal(1, 3, 9)
    found, expected = against(baseline, arm, pairs=False), stats.ttest_ind(arm, baseline, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (found.n, found.deviation) == (5, None)
    assert found.probability_of_improvement == pytest.approx(stats.mannwhitneyu(arm, baseline).statistic / 45)


@pytest.mark.parametrize("seed", range(5))
def test_several_arms_are_corrected_by_holm_and_intervals_say_the_same(seed):
    arms = drawn(seed, 8, 4, shift=0.6)
    found = compare(arms, "max")
    baseline, *others = [np.array(list(a.values())) for a in arms.values()]
    ps = [stats.ttest_rel(a, baseline).pvalue for a in others]
    refused, corrected, *_ = multipletests(ps, 0.05, method="holm")
    assert [c.p_holm for c in found.values()] == pytest.approx(corrected)
    assert [c.low > 0 or c.high < 0 for c in found.values()] == list(refused)
    # Rejected ones stand at the level at which Holm's procedure met them, the others at that where it stopped.
    levels = [0.05 / (4 - min(rank, refused.sum())) for rank in np.argsort(np.argsort(ps))]
    assert [1 - c.confidence for c in found.values()] == pytest.approx(levels)


@settings(deadline=None, max_examples=200)
@given(st.lists(SCORES, min_size=2, max_size=5), st.sampled_from(["min", "max"]), st.booleans())
def test_verdict_interval_and_p_agree_whatever_the_scores(arms, direction, pairs):
    found = compare({str(i): runs(*scores) for i, scores in enumerate(arms)}, direction, pairs=pairs)
    for c in found.values():
        beside = c.low is not None and (c.low > 0 or c.high < 0)
        assert beside == (c.p_holm <= 0.05) or abs(c.p_holm - 0.05) < 1e-9
        assert (c.verdict in ("better", "worse")) == beside
        assert c.p <= c.p_holm <= 1
        if beside:
            assert (c.verdict == "better") == ((c.difference > 0) == (direction == "max"))
        else:
            assert c.verdict in ("no difference shown", "too few runs")


@settings(deadline=None)
@given(
    SCORES, SCORES, st.sampled_from(["min", "max"]), st.floats(0.5, 2), st.sampled_from([1e-280, 1e-30, 1e30, 1e200])
)
def test_turning_and_scaling_the_score_changes_no_verdict(baseline, arm, direction, margin, scale):
    found = against(baseline, arm, direction, margin=margin)
    assume(all(abs(abs(x) - y) > 1e-6 for x in (found.low or 0, found.high or 0) for y in (0, margin)))
    turned = against([-x for x in baseline], [-x for x in arm], "min" if direction == "max" else "max", margin=margin)
    assert (turned.verdict, turned.p) == (found.verdict, pytest.approx(found.p))
    scaled = against([x * scale for x in baseline], [x * scale for x in arm], direction, margin=margin * scale)
    assert scaled.verdict == found.verdict


def test_equivalent_is_two_one_sided_tests_at_half_of_alpha():
    rng = np.random.default_rng(3)
    verdicts = set()
    for _ in range(200):
        baseline, arm = rng.normal(0, 0.1, (2, 8))
        found = against(baseline, arm, margin=0.15)
        verdicts.add(found.verdict)
        assert (found.verdict == "equivalent") == (ttost_paired(arm, baseline, -0.15, 0.15)[0] < 0.025)
        assert str(found) == ("equivalent within 0.15" if found.verdict == "equivalent" else found.verdict)
    assert verdicts >= {"equivalent", "no difference shown"}


def test_a_certain_difference_within_the_margin_does_not_matter():
    found = against([0.0, 0.01, 0.02, 0.01], [0.101, 0.11, 0.119, 0.112], margin=0.2)
    assert found.p < 0.05
    assert found.verdict == "equivalent"


def test_lower_is_better():
    assert against([1.0, 1.1, 0.9, 1.0], [0.5, 0.61, 0.4, 0.5], "min").verdict == "better"
    assert against([1.0, 1.1, 0.9, 1.0], [0.5, 0.61, 0.4, 0.5], "max").verdict == "worse"


def test_seeds_make_the_pairs_and_not_their_order():
    baseline = {3: 1.0, 1: 5.0, 2: 9.0, 7: 100.0}
    arm = {1: 5.5, 2: 9.6, 3: 1.4, 8: -100.0}
    found = compare({"none": baseline, "arm": arm}, "max")["arm"]
    assert (found.n, found.difference) == (3, pytest.approx(0.5))
    assert found.scores.n == found.baseline_scores.n == 3


# Too few runs


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("pairs", [True, False])
def test_two_runs_are_too_few(n, pairs):
    found = against([0.1, 0.1001][:n], [0.9, 0.90011][:n], pairs=pairs)
    assert (found.verdict, found.p, found.low, found.high) == ("too few runs", 1.0, None, None)
    assert found.smallest_difference is None
    assert (found.difference is None) == (n == 0)


def test_one_arm_with_few_runs_takes_the_place_of_a_test():
    arms = {"none": runs(1, 2, 3, 4, 5.5), "short": runs(2.0, 3.01), "long": runs(2.1, 3, 4.1, 5, 6.4)}
    found = compare(arms, "max")
    assert found["short"].verdict == "too few runs"
    assert found["long"].p_holm == pytest.approx(2 * found["long"].p)


def test_equal_scores_are_no_difference_and_say_so():
    found = against([0.5, 0.7, 0.6], [0.5, 0.7, 0.6])
    assert (found.verdict, found.difference, found.p) == ("no difference shown", 0, 1)
    assert "does it change anything" in found.reason
    assert found.probability_of_improvement == 0.5
    assert against([0.5] * 3, [0.5] * 3, pairs=False).verdict == "no difference shown"
    assert against([0.0] * 3, [0.0] * 3).verdict == "no difference shown"


@pytest.mark.parametrize(("n", "verdict"), [(3, "too few runs"), (5, "too few runs"), (6, "better"), (9, "better")])
def test_equal_differences_count_as_flips_of_signs(n, verdict):
    """The differences 0.01 of accuracies such as 0.92 - 0.91 differ in their last bits, which is no knowledge."""
    baseline = [(90 + i) / 100 for i in range(n)]
    found = against(baseline, [(91 + i) / 100 for i in range(n)])
    assert found.p == 2.0 ** (1 - n)
    assert found.verdict == verdict
    assert found.low is None if verdict != "better" else found.low == found.high == pytest.approx(0.01)
    assert found.smallest_difference is None


@pytest.mark.parametrize("n", [3, 4, 6])
def test_equal_runs_without_partners_count_as_exchanged(n):
    found = against([0.5] * n, [0.6] * n, pairs=False)
    assert found.p == pytest.approx(2 / math.comb(2 * n, n))
    assert found.verdict == ("better" if n > 3 else "too few runs")


@pytest.mark.filterwarnings("ignore:Precision loss")  # scipy's own, of a side that is constant
def test_one_constant_side_is_left_to_welch():
    found = against([0.5] * 4, [0.6, 0.61, 0.62, 0.6], pairs=False)
    assert found.p == pytest.approx(stats.ttest_ind([0.6, 0.61, 0.62, 0.6], [0.5] * 4, equal_var=False).pvalue)


# Failures


@pytest.mark.parametrize("failed", FAILED)
@pytest.mark.parametrize("pairs", [True, False])
def test_a_failed_run_is_told_and_left_out_of_the_difference(failed, pairs):
    found = against([1.0, 2.0, 3.0, 4.0], [1.5, 2.6, failed, 4.4], pairs=pairs)
    assert (found.n, found.scores.failures, found.baseline_scores.failures) == (3, 1, 0)
    assert found.difference == pytest.approx(0.5 if pairs else np.mean([1.5, 2.6, 4.4]) - 2.5)
    assert found.probability_of_improvement == (
        0.75 if pairs else pytest.approx(np.mean([1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]))
    )


@pytest.mark.parametrize("pairs", [True, False])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_failed_runs_count_as_the_worst_run_seen(pairs, direction):
    sign = 1 if direction == "max" else -1
    rng = np.random.default_rng(0)
    baseline = rng.normal(0, 1, 10)
    arm = baseline + 0.5 + rng.normal(0, 0.05, 10) if pairs else rng.normal(4, 1, 10)
    whole = against(sign * baseline, sign * arm, direction, pairs=pairs)
    assert whole.verdict == "better"
    arm[baseline.argmax()] = arm[3] = np.nan
    found = against(sign * baseline, sign * arm, direction, pairs=pairs)
    hard = np.where(np.isnan(arm), min(baseline.min(), np.nanmin(arm)), arm)
    test = stats.ttest_rel(hard, baseline) if pairs else stats.ttest_ind(hard, baseline, equal_var=False)
    assert found.p_holm < 0.001
    assert (test.pvalue < 0.05) == (not pairs)
    assert found.verdict == ("no difference shown" if pairs else "better")
    assert ("worst run seen" in found.reason) == pairs


def test_failing_always_is_worse_and_not_failing_better():
    fine, broken = [1.0, 2.0, 3.0, 4.0, 5.0], [None] * 5
    assert against(fine, broken).p_failures == pytest.approx(stats.fisher_exact([[5, 0], [0, 5]]).pvalue)
    assert (against(fine, broken).verdict, against(fine, broken).reason) == ("worse", "more failures")
    assert (against(broken, fine).verdict, against(broken, fine).reason) == ("better", "fewer failures")
    assert against(broken, broken).verdict == "too few runs"
    assert against(broken, broken).probability_of_improvement == 0.5
    assert against(fine[:3], broken[:3]).verdict == "too few runs"


def test_failures_are_corrected_for_the_number_of_arms():
    arms = {"none": runs(*range(5)), **{f"arm {i}": runs(*[None] * 5) for i in range(10)}}
    assert {c.verdict for c in compare(arms, "max").values()} == {"too few runs"}


def test_better_scores_with_more_failures_are_no_verdict():
    baseline = list(np.linspace(1, 1.2, 40))
    arm = [x + 5 + 0.01 * (i % 3) for i, x in enumerate(baseline)]
    found = against(baseline, [None] * 8 + arm[8:])
    assert found.p_failures < 0.05
    assert (found.verdict, found.reason) == ("no difference shown", "better scores, more failures")
    turned = against([None] * 8 + arm[8:], baseline)
    assert (turned.verdict, turned.reason) == ("no difference shown", "worse scores, fewer failures")


def test_who_fails_is_not_equivalent():
    rng = np.random.default_rng(0)
    baseline, arm = rng.normal(0, 1, 20), rng.normal(0, 0.01, 20)
    arm += baseline
    assert against(baseline, arm, margin=0.1).verdict == "equivalent"
    for seeds in ([baseline.argmax(), baseline.argsort()[-2]], [baseline.argmin()]):
        broken = arm.copy()
        broken[seeds] = np.nan
        assert against(baseline, broken, margin=0.1).verdict == "no difference shown"
        assert against(broken, baseline, margin=0.1).verdict == (
            "equivalent" if len(seeds) == 1 else "no difference shown"
        )


# Ranges


def test_what_can_not_be_compared_is_refused():
    with pytest.raises(ValueError, match="baseline"):
        compare({}, "max")
    for alpha in (0, 1, -1, math.nan):
        with pytest.raises(ValueError, match="alpha"):
            compare({"none": runs(1)}, "max", alpha=alpha)
    for margin in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="margin"):
            compare({"none": runs(1)}, "max", margin=margin)
    assert compare({"none": runs(1, 2, 3)}, "max") == {}


@pytest.mark.filterwarnings("error")
@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.lists(st.one_of(st.floats(), st.none()), max_size=6), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([None, 0.1]),
)
def test_any_numbers_get_a_verdict_without_a_warning(arms, pairs, margin):
    found = compare({str(i): runs(*scores) for i, scores in enumerate(arms)}, "max", pairs=pairs, margin=margin)
    assert len(found) == len(arms) - 1
    for c in found.values():
        assert not any(isinstance(x, float) and math.isnan(x) for x in (c.p, c.p_holm, c.difference, c.low, c.high))


# Overlapping data


def test_runs_on_overlapping_data_are_as_nadeau_and_bengio_say():
    """Differences with correlation r, as of splits with a test part of r: t with the corrected variance is exact."""
    rng, n, r = np.random.default_rng(0), 6, 0.2
    differences = np.sqrt(r) * rng.normal(size=(4000, 1)) + np.sqrt(1 - r) * rng.normal(size=(4000, n))
    rates = {}
    for ratio in (0.0, r / (1 - r)):
        rates[ratio] = np.mean([paired(d, np.zeros(n), ratio).p < 0.05 for d in differences])
    assert rates[0.0] > 0.1
    assert rates[r / (1 - r)] == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 4000))
    found = against([0.0] * n, differences[0], test_to_train=0.25)
    assert found.p == paired(differences[0], np.zeros(n), 0.25).p


@pytest.mark.parametrize("direction", ["min", "max"])
def test_of_unequally_many_runs_it_is_the_share_that_fails_which_counts(direction):
    scores = [0.5, 0.6, 0.55]
    runs = {
        "baseline": dict(enumerate([*scores, *[None] * 9])),
        "arm": dict(enumerate([*scores * 20, *[None] * 10])),  # one more, of six times as many
    }
    found = compare(runs, direction, pairs=False)["arm"]
    assert (found.verdict, found.reason) == ("better", "fewer failures")
    assert found.p_failures == pytest.approx(stats.fisher_exact([[10, 60], [9, 3]]).pvalue)


def test_what_runs_share_widens_the_interval_with_failures_too():
    baseline = {0: 0.50, 1: 0.53, 2: 0.51, 3: 0.55, 4: 0.52, 5: 0.50}
    arm = {seed: None if seed == 5 else score + 0.1 + seed / 50 for seed, score in baseline.items()}
    evidence = gather({"baseline": baseline, "arm": arm}, "arm", "max", test_to_train=0.5)
    differences = np.array([0.1, 0.12, 0.14, 0.16, 0.18, 0.0])  # the one that failed counts as the worst seen, 0.5
    assert evidence.punished.error == pytest.approx(differences.std(ddof=1) * math.sqrt(1 / 6 + 0.5))
    assert evidence.completed.error == pytest.approx(differences[:5].std(ddof=1) * math.sqrt(1 / 5 + 0.5))
