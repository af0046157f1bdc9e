"""Whether one choice is better than another, and how sure that is: numbers in, verdicts out; no folders, no torch."""

from collections.abc import Collection

FEWEST = 3
"""Pairs (or runs of each side) without which there is no verdict: of two, t knows next to nothing."""

SHARED = (
    "Where several arms share the risk of error, intervals of differences are wider for it, and p is corrected (Holm)."
)
"""What is to be said below differences."""


def detectable(sizes: Collection[float]) -> str:
    """What the runs could show: a sentence.

    Args:
        sizes: of each arm the smallest difference that is shown with a power of 0.8.
    """
    least, most = min(sizes), max(sizes)
    closer = f" (of {least:.2g} in the arm whose pairs agree best)" if most > 2 * least else ""
    return f"A true difference of {most:.2g} or more would have been shown in 8 of 10 cases{closer}."
