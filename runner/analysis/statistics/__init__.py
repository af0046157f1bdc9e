"""Whether one choice is better than another, and how sure that is: numbers in, verdicts out; no folders, no torch."""

FEWEST = 3
"""Pairs (or runs of each side) without which there is no verdict: of two, t knows next to nothing."""

SHARED = (
    "Where several arms share the risk of error, intervals of differences are wider for it, and p is corrected (Holm)."
)
"""What is to be said below differences."""
