"""Every option that a sweep can reach is composed and checked before its first trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from runner.sweep.space import Dimension, Point, Space

MOST_COMBINATIONS = 64


def covering(space: Space, is_group: Callable[[Dimension], bool]) -> Iterator[Point]:
    """Points that reach every option and both ends of every range.

    Where there are few enough, every combination of config groups is among them; else each option at least once.
    """
    groups = [d for d in space.dimensions if is_group(d)]
    if math.prod(len(d.texts) for d in groups) <= MOST_COMBINATIONS:
        first = tuple(d if d in groups else _only_first(d) for d in space.dimensions)
        yield from replace(space, dimensions=first).grid()
    for dimension in space.dimensions:
        for text in dimension.ends():
            yield space.first({dimension.key: text, **space.needed(dimension)})


def _only_first(dimension: Dimension) -> Dimension:
    return replace(dimension, kind="choice", texts=dimension.ends()[:1], natives=(None,))
