"""Figures without a display."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def panels(columns: int, title: str, width: float = 5.0, height: float = 3.8) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side.

    Args:
        columns: number of panels.
        title: of the whole.
        width: of a panel, in inches.
        height: of a panel, in inches.
    """
    from matplotlib.figure import Figure  # not pyplot: nothing is kept open, and no display is looked for

    figure = Figure(figsize=(width * columns, height), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)
