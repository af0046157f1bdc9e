"""Figures that are read on a telephone, in print, and by people who don't see red and green alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design": told apart with any form of colour blindness. No yellow on white. The
# first four also stand out (contrast of 3 and more) on a dark page.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", "-.", ":")  # and in grey print
WIDTH = 5.2  # inches; at 150 dots each twice as many dots as a telephone is wide
DPI = 150


def canvas(
    title: str, height: float = 4.2, rows: int = 1, columns: int = 1, width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """A figure with panels below or beside each other.

    Args:
        title: of the whole.
        height: of a panel, in inches.
        rows: of panels.
        columns: of panels.
        width: of a panel, in inches.
    """
    from matplotlib.figure import Figure  # not pyplot: nothing is kept open, and no display is looked for

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained", dpi=DPI)
    figure.suptitle(title, fontsize=12)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        open_up(axis)
    return figure, axes


def open_up(axis: Axes) -> Axes:
    """Give a panel a faint grid instead of a frame."""
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    return axis


def style(index: int) -> tuple[str, str]:
    """The colour and the dashes of a line."""
    return COLORS[index % len(COLORS)], STYLES[index % len(STYLES)]


def plain(text: str) -> str:
    """A text as it is: what is invisible shows, and dollars begin no formula."""
    return printable(text).replace("$", r"\$")


def shortened(text: str, length: int = 16) -> str:
    """A name that fits beside an axis."""
    return text if len(text) <= length else text[: length - 1] + "…"
