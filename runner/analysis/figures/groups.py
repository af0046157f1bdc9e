"""Configurations beside each other: the mean of each, its interval, and its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.analysis.figures.limits import limits, within
from runner.analysis.figures.names import short_names
from runner.engine.metric import Direction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from runner.analysis.compared import Compared

MOST = 60  # lines in a figure


def means(compared: Compared, score: str, direction: Direction | None = None) -> Figure | None:
    """A row for each configuration: its runs as dots, their mean as a diamond in its 95 % interval.

    Args:
        compared: what ``compare`` found.
        score: which of its scores.
        direction: in which it improves; None where nothing says it.
    """
    from runner.canvas import COLORS, canvas, plain

    lines = [line for line in compared.lines if score in line.spreads and line.spreads[score].mean is not None]
    if not lines:
        return None
    left_out = f" ({MOST} of {len(lines)} configurations)" if len(lines) > MOST else ""
    lines = lines[:MOST]
    key, names = short_names([line.name for line in lines])
    row = max(0.27, 0.16 * max(name.count("\n") + 1.5 for name in names))  # inches
    figure, (axis,) = canvas("", height=1.2 + row * len(lines))
    values = [[v for v in line.group.values(score).values() if v is not None] for line in lines]
    spreads = [line.spreads[score] for line in lines]
    ends = [end for s in spreads for end in (s.low, s.mean, s.high) if end is not None]
    low, high = limits([*ends, *(value for found in values for value in found)])
    for place, (line, spread, found) in enumerate(zip(lines, spreads, values, strict=True)):
        color = COLORS[0] if line.name != compared.baseline else "k"
        axis.plot(
            [within(v, low, high) for v in found], [place] * len(found), "o", color="0.5", markersize=3, alpha=0.6
        )
        if spread.low is not None and spread.high is not None:
            axis.plot([spread.low, spread.high], [place, place], color=color, linewidth=1.6)
        if spread.mean is not None:
            axis.plot([within(spread.mean, low, high)], [place], "D", color=color, markersize=5)
    axis.set_xlim(low, high)
    axis.set_ylim(len(lines) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.set_yticks(range(len(lines)), names, fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    more = {"max": ", more is better", "min": ", less is better", None: ""}[direction]
    axis.set_xlabel(f"{plain(score)}: runs, mean and 95 % interval{more}{left_out}", fontsize=8)
    axis.set_title(key, fontsize=9, loc="left")
    return figure
