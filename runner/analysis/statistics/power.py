"""What a number of runs can show: Student's t under a true difference (noncentral t)."""

from __future__ import annotations

import math

from scipy.special import nctdtrinc, stdtrit

POWER = 0.8
"""How often the smallest difference that a budget can show would be shown."""


def noncentrality(freedom: float, level: float) -> float:
    """The true difference, in standard errors, that a two-sided t test at `level` shows in 8 of 10 cases.

    It is scipy's inverse of the noncentral t distribution: where there are few degrees of freedom or the level is low,
    the solver of `statsmodels.stats.power` returns numbers that solve nothing, and does not say so. Refusing on the
    wrong side, far rarer than the level, is left out.

    Args:
        freedom: degrees of freedom, at least 1.
        level: of the test, in (0, 0.5).
    """
    return float(nctdtrinc(freedom, 1 - POWER, -stdtrit(freedom, level / 2)))


def smallest_effect(n: int, level: float = 0.05) -> float:
    """The true difference that `n` pairs show in 8 of 10 cases, in standard deviations of the differences of pairs.

    Args:
        n: pairs, at least 2.
        level: of the test: alpha, and where several arms are compared alpha by their number, to be sure of each.
    """
    return noncentrality(n - 1, level) / math.sqrt(n)
