"""What an ablation came to: every run's score by arm, and each arm's difference from the baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.analysis.figures.limits import limits, within
from runner.analysis.figures.names import folded, short_names
from runner.analysis.figures.rendering import png
from runner.analysis.run import number
from runner.record.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 60  # arms in a figure
SPREAD = 0.56  # of a row: in it the runs of an arm lie below each other, in the order of their seeds
SHAPES = {"better": ("o", "full", 0), "worse": ("s", "full", 1), "equivalent": ("D", "full", 2)}  # and their colours


@dataclass(frozen=True)
class Arm:
    """A row of the figure.

    Attributes:
        name: of the arm.
        scores: of its runs by what tells them apart; None where it failed.
        verdict: empty of the baseline.
        said: the verdict in words.
        difference: from the baseline; None where it is not known.
        low: lower end of its interval; None where so few runs can tell nothing.
        high: upper end, likewise.
    """

    name: str
    scores: Mapping[str, float | None]
    verdict: str
    said: str
    difference: float | None
    low: float | None
    high: float | None


def arms_of(record: Mapping[str, Any]) -> list[Arm]:
    """The arms in the content of ``ablation.json``, the baseline first. What is no such thing is left out."""
    found, baseline, score = [], record.get("baseline"), str(record.get("score"))
    arms = {name: arm for name, arm in _dict(record.get("arms")).items() if isinstance(arm, dict)}
    for name in sorted(arms, key=lambda name: name != baseline):
        runs = {key: run for key, run in _dict(arms[name].get("runs")).items() if isinstance(run, dict)}
        scores = {
            key: number(_dict(run.get("scores")).get(score)) if run.get("status") == "completed" else None
            for key, run in runs.items()
        }
        arm = arm_of(name, scores, arms[name].get("comparison"))
        found.append(replace(arm, said="baseline") if name == baseline and not arm.verdict else arm)
    return found


def arm_of(name: str, scores: Mapping[str, float | None], comparison: Any) -> Arm:
    """A row, of what is said of an arm against the baseline; it may be anything."""
    judged = _dict(comparison)
    difference, low, high, margin = (number(judged.get(what)) for what in ("difference", "low", "high", "margin"))
    verdict = str(judged.get("verdict") or "")
    said = f"equivalent within {margin:g}" if verdict == "equivalent" and margin is not None else verdict
    return Arm(name, scores, verdict, said or "not judged yet", difference, low, high)


def paired_dots(record: Mapping[str, Any]) -> Figure | None:
    """Each run a dot, those of one seed joined, failed ones crosses at the worse edge; beside it the differences.

    Args:
        record: the content of ``ablation.json``; it may come from anybody.
    """
    from runner.canvas import canvas, plain

    arms = arms_of(record)
    if not any(value is not None for arm in arms for value in arm.scores.values()):
        return None
    fixed = record.get("fixed")
    title = " ".join(map(str, fixed)) if isinstance(fixed, list) else ""
    if len(arms) > MOST:
        title, arms = f"{title} ({MOST} of {len(arms)} arms)", arms[:MOST]
    key, names = short_names([arm.name for arm in arms])
    said = [folded(arm.said, 20) for arm in arms]
    row = max(0.27, 0.5 - 0.02 * len(arms), 0.16 * max(text.count("\n") + 1.5 for text in (*names, *said)))  # inches
    figure, (runs, differences) = canvas(folded(title, 90, 2), height=1.3 + row * len(arms), columns=2, width=4.3)
    rows = range(len(arms))
    for axis in (runs, differences):
        axis.grid(visible=False, axis="y")
        axis.set_ylim(len(arms) - 0.5, -0.5)
        axis.axhline(0.5, color="0.5", linewidth=0.8)  # above it stands the baseline
        axis.tick_params(axis="y", length=0)
        axis.tick_params(axis="x", labelsize=8)
        axis.locator_params(axis="x", nbins=5)
    more = {"max": ", more is better", "min": ", less is better"}.get(str(record.get("direction")), "")
    _draw_runs(runs, arms, worse_left=record.get("direction") == "max")
    runs.set_yticks(rows, names, fontsize=8)
    failed = "; × failed" if any(value is None for arm in arms for value in arm.scores.values()) else ""
    runs.set_xlabel(f"{plain(str(record.get('score')))} of each run{more}{failed}", fontsize=8)
    runs.set_title(key, fontsize=9, loc="left")
    draw_differences(differences, arms, number(record.get("margin")))
    differences.yaxis.tick_right()
    differences.set_yticks(rows, said, fontsize=8)
    differences.set_xlabel("difference from the baseline, with its interval", fontsize=8)
    return figure


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """Draw `paired_dots` into an ablation's folder as ``ablation.png``; where nothing is to be drawn, none is left."""
    path = folder / "ablation.png"
    if (figure := paired_dots(record)) is None:
        path.unlink(missing_ok=True)
    else:
        write_bytes(path, png(figure))


def _draw_runs(axis: Axes, arms: Sequence[Arm], worse_left: bool) -> None:
    keys = list(dict.fromkeys(key for arm in arms for key in arm.scores))
    low, high = limits([value for arm in arms for value in arm.scores.values() if value is not None])
    edge, room = (low, -0.06) if worse_left else (high, 0.06)
    failing = any(value is None for arm in arms for value in arm.scores.values())
    beside = edge + room * (high - low) * failing  # where the crosses stand
    axis.set_xlim(*sorted((low + high - edge, beside + (beside - edge) / 2)))
    step = SPREAD / max(1, len(keys) - 1)
    below = {key: (place * step - SPREAD / 2 if len(keys) > 1 else 0.0) for place, key in enumerate(keys)}
    faint = max(0.12, min(0.5, 3 / len(keys)))
    for key in keys:  # a run that failed breaks the line of its seed
        line = [arm.scores.get(key) for arm in arms]
        xs = [math.nan if value is None else within(value, low, high) for value in line]
        axis.plot(xs, [row + below[key] for row in range(len(arms))], color="0.5", linewidth=0.8, alpha=faint)
    for row, arm in enumerate(arms):
        done = {key: value for key, value in arm.scores.items() if value is not None}
        shape, fill, color = _look(arm)
        size = 5.0 if len(keys) <= 10 else 3.2
        marks = {key: "<" if value < low else ">" if value > high else shape for key, value in done.items()}
        for mark in sorted(set(marks.values())):
            chosen = [key for key in done if marks[key] == mark]
            xs, ys = [within(done[key], low, high) for key in chosen], [row + below[key] for key in chosen]
            axis.plot(xs, ys, mark, color=color, fillstyle=fill, markersize=size, markeredgewidth=0.9, clip_on=False)
        failed = [key for key in keys if key in arm.scores and arm.scores[key] is None]
        axis.plot([beside] * len(failed), [row + below[key] for key in failed], "x", color="k", markersize=5)
        if done:
            mean = within(math.fsum(done.values()) / len(done), low, high)
            axis.plot([mean, mean], [row - 0.42, row + 0.42], color="k", linewidth=1.4)


def draw_differences(axis: Axes, arms: Sequence[Arm], margin: float | None) -> None:
    """A row's difference from the baseline with its interval, and the margin within which none matters."""
    ends = [end for arm in arms for end in (arm.low, arm.difference, arm.high) if end is not None]
    low, high = limits(ends or [0.0], shown=[0.0, *([-margin, margin] if margin else [])])
    axis.set_xlim(low, high)
    if margin:
        axis.axvspan(-margin, margin, color="0.5", alpha=0.22, linewidth=0)
    axis.axvline(0.0, color="k", linewidth=1.0)
    for row, arm in enumerate(arms):
        if arm.difference is None:
            continue
        shape, fill, color = _look(arm)
        if arm.low is not None and arm.high is not None:
            axis.plot([arm.low, arm.high], [row, row], color=color, linewidth=1.6, solid_capstyle="butt")
            for end in (arm.low, arm.high):
                axis.plot([end, end], [row - 0.13, row + 0.13], color=color, linewidth=1.2)
        beyond = not low <= arm.difference <= high
        mark = ("<" if arm.difference < low else ">") if beyond else shape
        at = within(arm.difference, low, high)
        axis.plot([at], [row], mark, color=color, fillstyle=fill, markersize=6, clip_on=False)


def _look(arm: Arm) -> tuple[str, str, str]:
    """Shape, filling and colour: what is not decided is an open circle."""
    from runner.canvas import COLORS

    shape, fill, color = SHAPES.get(arm.verdict, ("o", "none", None))
    return shape, fill, "0.45" if color is None else COLORS[color]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
