"""Numbers as tables and reports show them."""

from __future__ import annotations


def number(value: float | None) -> str:
    """A score with four significant digits."""
    return "-" if value is None else f"{value:.4g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.4f}"


def plus_minus(value: str, low: float | None, high: float | None) -> str:
    """A value with half of its interval's width."""
    return value if low is None or high is None else f"{value} ± {(high - low) / 2:.2g}"
