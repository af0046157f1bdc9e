"""The part of an axis that is shown."""

from __future__ import annotations

from collections.abc import Sequence

LARGEST = 1e100  # that an axis can show: its ticks are made of sums and products


def limits(values: Sequence[float], shown: Sequence[float] = ()) -> tuple[float, float]:
    """Where most values are: a few that exploded must not flatten the rest.

    Args:
        values: at least one.
        shown: must be seen in any case.
    """
    ordered = sorted(values)
    last = len(ordered) - 1
    low, high = ordered[0], ordered[-1]
    inner = (
        (ordered[last // 10], ordered[last - last // 10])
        if last >= 9
        else (ordered[last // 4], ordered[last - last // 4])
    )
    middle = inner[1] - inner[0]
    if last >= 4 and high - low > 12 * middle > 0:
        low, high = max(low, inner[0] - 2 * middle), min(high, inner[1] + 2 * middle)
    low, high = max(min([low, *shown]), -LARGEST), min(max([high, *shown]), LARGEST)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def within(value: float, low: float, high: float) -> float:
    """A value, or the edge that it lies beyond."""
    return min(max(value, low), high)
