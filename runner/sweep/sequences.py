"""Points that depend on a seed and an index alone, whoever asks for them and in whichever order."""

from __future__ import annotations

import hashlib
import math
import warnings
from functools import lru_cache
from typing import Any

from runner.sweep.space import Dimension, Point, Space


def uniform(seed: int, index: int, key: str) -> float:
    """A number in [0, 1) that is a pure function of its arguments (BLAKE2 of them, 53 bits)."""
    digest = hashlib.blake2b(f"{seed}\0{index}\0{key}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def quantile(dimension: Dimension, u: float) -> str:
    """The value of a dimension at the share `u` in [0, 1) of its probability."""
    if dimension.kind != "interval":
        return dimension.texts[int(u * len(dimension.texts))]
    # Whole numbers own the unit interval around them, as if rounded from it.
    half = 0.5 if dimension.integer else 0.0
    low, high = dimension.low - half, dimension.high + half
    if dimension.log:
        value = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    else:
        value = low + u * (high - low)
    if dimension.integer:
        value = round(value)
    return dimension.text(min(max(value, dimension.low), dimension.high))


def random_point(space: Space, seed: int, index: int) -> Point:
    """The point numbered `index` of uniform random search (Bergstra and Bengio 2012)."""
    return space.build(lambda d: quantile(d, uniform(seed, index, d.key)))


def sobol_point(space: Space, seed: int, index: int) -> Point:
    """The point numbered `index` of the space's scrambled Sobol sequence (Sobol 1967; Owen 1998)."""
    row = _sobol(len(space.dimensions), seed).at(index)
    unit = {d.key: float(u) for d, u in zip(space.dimensions, row, strict=True)}
    return space.build(lambda d: quantile(d, unit[d.key]))


class _Sequence:
    """A Sobol sequence that can be asked for any of its points; asking in order costs least."""

    def __init__(self, dimensions: int, seed: int) -> None:
        from scipy.stats.qmc import Sobol

        self._new: Any = lambda: Sobol(max(1, dimensions), scramble=True, seed=seed)
        self._dimensions = dimensions
        self._sequence = self._new()

    def at(self, index: int) -> Any:
        """The point numbered `index` (from 0), an array of numbers in [0, 1)."""
        if index < self._sequence.num_generated:
            self._sequence = self._new()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "balance properties": single points are what is wanted
            if skip := index - self._sequence.num_generated:
                self._sequence.fast_forward(skip)
            return self._sequence.random(1)[0][: self._dimensions]


_sobol = lru_cache(maxsize=8)(_Sequence)
