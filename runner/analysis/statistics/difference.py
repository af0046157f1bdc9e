"""How far apart two arms are, and how exactly that is known: paired t, and Welch's where runs are not paired.

Why t and no rank or permutation test: those have no p below 2 ** (1 - n), so that fewer than six pairs could never show
anything at 0.05, and fewer than eight not with four arms. Where an arm changes nothing its runs and the baseline's have
one distribution, so that their differences are symmetric however skewed the scores are, and for symmetric heavy tails t
is conservative (Efron 1969, "Student's t-test under symmetry conditions"). What is left are arms that change the shape
and not the mean; docs/statistics.md has the measured rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Array = NDArray[np.float64]

_ROUNDING = 4 * float(np.finfo(np.float32).eps)  # scores come from float32: what is closer than this is equal


@dataclass(frozen=True)
class Difference:
    """A mean difference under Student's t model.

    Attributes:
        estimate: mean of the arm minus mean of the baseline.
        error: its standard error; infinite with a single pair, 0 where t is of no use (see `alike`).
        freedom: degrees of freedom.
        n: pairs; where runs are not paired, runs of the smaller side.
        deviation: standard deviation of the differences of pairs; None where there are none.
        alike: None, but where all differences are equal, so that t would divide by 0, the smallest p that a permutation
            test (flipping signs, or exchanging runs) can have with so few runs. It takes the place of t: a handful of
            equal differences of two accuracies is no proof.
    """

    estimate: float
    error: float
    freedom: float
    n: int
    deviation: float | None = None
    alike: float | None = None

    @property
    def p(self) -> float:
        """Two-sided p of no difference, for one test that is made once."""
        if self.alike is not None:
            return self.alike if self.estimate else 1.0
        return 2 * float(stdtr(self.freedom, -abs(self.estimate) / self.error)) if math.isfinite(self.error) else 1.0

    def interval(self, level: float) -> tuple[float, float]:
        """The differences that a two-sided test at `level` would not refuse; unbounded where it can refuse none."""
        if self.alike is not None:
            half = 0.0 if self.alike <= level else math.inf
        else:
            half = -float(stdtrit(self.freedom, level / 2)) * self.error if math.isfinite(self.error) else math.inf
        return self.estimate - half, self.estimate + half


def paired(arm: Array, baseline: Array, test_to_train: float = 0.0) -> Difference | None:
    """Of runs in pairs; None without any.

    Args:
        arm: scores ``(n,)``, all finite.
        baseline: those with the same seeds ``(n,)``.
        test_to_train: where runs differ in how the same examples were split or folded: how many examples judge a run,
            as a multiple of those it learned from. Such runs share most of their examples, so that their differences
            look more certain than they are; the variance of the mean grows by this multiple of the variance (Nadeau and
            Bengio 2003, "Inference for the generalization error"). 0 where runs differ in the seed alone.
    """
    n = len(arm)
    if n == 0:
        return None
    scale = _largest(arm, baseline)
    differences = arm / scale - baseline / scale
    if n == 1:
        return Difference(float(differences[0]) * scale, math.inf, 0, 1)
    if np.ptp(differences) <= _ROUNDING:
        return Difference(_settled(float(differences.mean())) * scale, 0.0, n - 1, n, 0.0, 2.0 ** (1 - n))
    from statsmodels.stats.weightstats import DescrStatsW

    mean = DescrStatsW(differences)
    deviation = float(mean.std_mean) * math.sqrt(n)
    error = deviation * math.sqrt(1 / n + test_to_train)
    return Difference(float(mean.mean) * scale, error * scale, n - 1, n, deviation * scale)


def unpaired(arm: Array, baseline: Array) -> Difference | None:
    """Of runs that have no partner (Welch's t); None where one side has none.

    Args:
        arm: scores ``(n,)``, all finite.
        baseline: scores ``(m,)``.
    """
    n, m = len(arm), len(baseline)
    if not n or not m:
        return None
    scale = _largest(arm, baseline)
    arm, baseline = arm / scale, baseline / scale
    estimate = float(arm.mean() - baseline.mean())
    if min(n, m) == 1:
        return Difference(estimate * scale, math.inf, 0, 1)
    if max(np.ptp(arm), np.ptp(baseline)) <= _ROUNDING:
        return Difference(_settled(estimate) * scale, 0.0, n + m - 2, min(n, m), alike=2 / math.comb(n + m, n))
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    both = CompareMeans(DescrStatsW(arm), DescrStatsW(baseline))
    error = float(both.std_meandiff_separatevar) * scale
    return Difference(estimate * scale, error, float(both.dof_satt()), min(n, m))


def _largest(arm: Array, baseline: Array) -> float:
    """The largest score, by which all are divided: squares of 1e200 and 1e-200 are beyond what numbers hold."""
    return float(max(np.abs(arm).max(), np.abs(baseline).max(), 1e-290))


def _settled(estimate: float) -> float:
    return 0.0 if abs(estimate) <= _ROUNDING else estimate
