"""The differences from the baseline on several data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.analysis.figures.ablation import MOST, arm_of, draw_differences
from runner.analysis.figures.names import folded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 12  # arms in a figure


def differences_by_data_set(record: Mapping[str, Any]) -> Figure | None:
    """A panel for each arm but the baseline: its difference on each data set with its interval, and the verdict.

    Args:
        record: the content of ``across.json``; it may come from anybody.
    """
    from runner.canvas import canvas, plain

    found: Any = record.get("data_sets")
    sets = {name: entry["arms"] for name, entry in found.items() if isinstance(entry["arms"], dict)}
    baseline = record.get("baseline")
    arms = [arm for arm in dict.fromkeys(arm for own in sets.values() for arm in own) if arm != baseline]
    shown = list(sets)[:MOST]
    if not arms or not shown:
        return None
    arms = arms[:PANELS]
    figure, panels = canvas("", height=0.9 + 0.3 * len(shown), rows=len(arms), width=7.0)
    for axis, arm in zip(panels, arms, strict=True):
        rows = [arm_of(name, {}, sets[name].get(arm)) for name in shown]
        axis.grid(visible=False, axis="y")
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0, labelsize=8)
        axis.tick_params(axis="x", labelsize=8)
        draw_differences(axis, rows, None)
        axis.set_yticks(range(len(rows)), [f"{folded(row.name, 32)}\n{row.said}" for row in rows], fontsize=8)
        axis.set_title(folded(arm, 70, 2), fontsize=9, loc="left")
    more = {"max": ", more is better", "min": ", less is better"}.get(str(record.get("direction")), "")
    panels[-1].set_xlabel(
        f"{plain(str(record.get('score')))}: difference from {plain(str(baseline))}, with its interval{more}",
        fontsize=8,
    )
    return figure
