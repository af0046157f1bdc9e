"""Looking at t again and again: which p is small enough at each look, so that all looks together err at alpha.

The probability of crossing is computed, neither simulated nor taken from the normal distribution, which is far off for
a handful of seeds (Jennison and Turnbull 1991, "Exact calculations for sequential t, χ² and F tests", Biometrika 78).
How much of alpha is spent by each look follows a spending function (Lan and DeMets 1983, "Discrete sequential
boundaries for clinical trials", Biometrika 70).

Where there is no difference, the angle between n normally distributed differences and the vector of ones,
tan(angle) = t / √(n - 1), is a Markov chain with a known kernel. Let S be the sum and Q the sum of squares of n of them
and sin(angle) = S / √(n Q). The next one is x = √Q tan(φ), where φ, of density cos(φ) ** (n - 1), is independent of all
angles before (√n tan(φ) is t with n degrees of freedom), so that

    √(n + 1) sin(angle') = √n sin(angle) cos(φ) + sin(φ).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

Array = NDArray[np.float64]

_BINS = 200
_SCORES = np.linspace(0, 7.5, _BINS + 1)
"""Edges of bins of |t| as normal scores: the |z| that is as improbable, so that bins are as fine for any n."""
_MIDDLES = (_SCORES[1:] + _SCORES[:-1]) / 2
_LEVELS = np.geomspace(1e-6, 1, 61)


def spent(share: float) -> float:
    """How much of alpha may be spent by a look.

    The power family of Kim and DeMets (1987, "Design and analysis of group sequential tests based on the type I error
    spending rate function", Biometrika 74) with exponent 2, which lies between Pocock's and O'Brien and Fleming's.

    Args:
        share: of the seeds of the plan, in [0, 1].
    """
    return share**2


class Boundary:
    """The test at the last of some looks.

    Args:
        pairs: how many there were at each look; rising, at least 2.
        spending: how much of alpha may be spent by each, rising to 1 at the end of a plan.
    """

    def __init__(self, pairs: tuple[int, ...], spending: tuple[float, ...]) -> None:
        self._nominal = _passed(pairs, spending)[0]

    def nominal(self, level: float) -> float:
        """The p at which this look refuses, where all looks of the plan together shall err at `level`."""
        if level <= _LEVELS[0]:
            return float(self._nominal[0] * level / _LEVELS[0])
        return float(np.exp(np.interp(np.log(level), np.log(_LEVELS), np.log(self._nominal))))

    def overall(self, p: float) -> float:
        """The level at which a plan whose look has the p of a single test would just refuse; `nominal` backwards."""
        if p <= self._nominal[0]:
            return float(_LEVELS[0] * p / self._nominal[0])
        if p >= self._nominal[-1]:
            return 1.0
        return float(np.exp(np.interp(np.log(p), np.log(self._nominal), np.log(_LEVELS))))


@lru_cache(maxsize=256)
def _passed(pairs: tuple[int, ...], spending: tuple[float, ...]) -> tuple[Array, Array]:
    """By level: the nominal p ``(levels,)``, and how probable it is to go on in each bin ``(levels, bins)``."""
    if len(pairs) > 1:
        start, before, mass = pairs[-2], spending[-2], _passed(pairs[:-1], spending[:-1])[1]
    else:
        start, before, mass = pairs[0], 0.0, np.tile(-np.diff(2 * ndtr(-_SCORES)), (len(_LEVELS), 1))
    for n in range(start, pairs[-1]):
        mass = np.maximum(-np.diff(_densities(mass) @ _beyond(n)), 1e-300)
    tails = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]  # beyond all edges but the last
    p = 2 * ndtr(-_SCORES[:-1])
    wanted = _LEVELS * (spending[-1] - before)
    # In logarithms one is almost a straight line over the other.
    crossed = zip(np.log(wanted), np.log(tails), strict=True)
    nominal = np.exp([np.interp(target, tail[::-1], np.log(p)[::-1]) for target, tail in crossed])
    return nominal, np.clip(tails - wanted[:, None], 0, mass)


def _densities(mass: Array) -> Array:
    """Density in the middle of each bin times its width, from the mass in it (to the fourth order of the width)."""
    beside = np.pad(mass, ((0, 0), (1, 1)), mode="symmetric")
    return mass - (beside[:, 2:] - 2 * mass + beside[:, :-2]) / 24


@lru_cache(maxsize=256)
def _beyond(n: int) -> Array:
    """The chance that |t| of n + 1 is beyond each edge, given that of n in a bin's middle; ``(bins, bins + 1)``."""
    s = np.sqrt(n) * np.sin(_angle(_MIDDLES, n))[:, None]
    tilt = np.arctan(s)
    bound = np.arcsin(np.minimum(np.sqrt(n + 1) * np.sin(_angle(_SCORES, n + 1)) / np.sqrt(1 + s**2), 1))

    def below(phi: Array) -> Array:
        return np.asarray(stdtr(n, np.sqrt(n) * np.tan(np.clip(phi, -np.pi / 2, np.pi / 2))))

    return below(np.pi - bound - tilt) - below(bound - tilt) + below(-bound - tilt)


def _angle(scores: Array, n: int) -> Array:
    return np.asarray(np.arctan(-stdtrit(n - 1, ndtr(-scores)) / np.sqrt(n - 1)))
