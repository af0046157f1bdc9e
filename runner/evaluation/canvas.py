"""Figures that are read on a telephone, in print, and by people who don't see red and green alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design": told apart with any form of colour blindness. No yellow on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", "-.", ":")  # and in grey print
WIDTH = 5.2  # inches; at 150 dots each twice as many dots as a telephone is wide
DPI = 150


def canvas(title: str, height: float = 4.2, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with panels below each other.

    Args:
        title: of the whole.
        height: of a panel, in inches.
        rows: number of panels.
    """
    from matplotlib.figure import Figure  # not pyplot: nothing is kept open, and no display is looked for

    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained", dpi=DPI)
    figure.suptitle(title, fontsize=12)
    axes = list(figure.subplots(rows, 1, squeeze=False)[:, 0])
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def style(index: int) -> tuple[str, str]:
    """The colour and the dashes of a line."""
    return COLORS[index % len(COLORS)], STYLES[index % len(STYLES)]


def shortened(text: str, length: int = 16) -> str:
    """A name that fits beside an axis."""
    return text if len(text) <= length else text[: length - 1] + "…"
