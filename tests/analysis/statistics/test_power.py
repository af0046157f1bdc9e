import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from runner.analysis.statistics.comparison import compare
from runner.analysis.statistics.power import noncentrality, smallest_effect


@pytest.mark.parametrize("freedom", [2, 2.4, 4, 9, 29, 200])
@pytest.mark.parametrize("level", [1e-4, 0.0125, 0.05, 0.2])
def test_power_is_eight_of_ten(freedom, level):
    shift = noncentrality(freedom, level)
    assert stats.nct.sf(stats.t.isf(level / 2, freedom), freedom, shift) == pytest.approx(0.8, rel=1e-4)


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_statsmodels_says_the_same_power(n):
    assert TTestPower().power(smallest_effect(n), n, 0.05) == pytest.approx(0.8, abs=1e-4)


def test_what_a_comparison_could_have_shown():
    rng = np.random.default_rng(0)
    baseline, arm = rng.normal(size=6), rng.normal(size=6)
    arms = {"none": dict(enumerate(baseline)), "arm": dict(enumerate(arm))}
    found = compare(arms, "max")["arm"]
    assert found.smallest_difference == pytest.approx(smallest_effect(6) * (arm - baseline).std(ddof=1))
    welch = stats.ttest_ind(arm, baseline, equal_var=False)
    error = (arm.mean() - baseline.mean()) / welch.statistic
    found = compare(arms, "max", pairs=False)["arm"]
    assert found.smallest_difference == pytest.approx(noncentrality(welch.df, 0.05) * error)
