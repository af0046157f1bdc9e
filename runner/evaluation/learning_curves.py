"""Training beside validation, epoch by epoch, as ``metrics.jsonl`` has them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from runner.canvas import COLORS, canvas, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPOCHS = 500  # in JSON; of longer runs so many, evenly, and the last one
PANELS = 4  # in a picture

Curves = dict[str, Any]


def learning_curves(rows: list[dict[str, Any]]) -> Curves:
    """``{"epoch": [...], "loss": {"train": [...], "val": [...]}, ...}``; None for what an epoch has not.

    Args:
        rows: the lines of ``metrics.jsonl``.
    """
    if len(rows) > EPOCHS:
        rows = [rows[i * (len(rows) - 1) // (EPOCHS - 1)] for i in range(EPOCHS)]
    names = dict.fromkeys(name.partition("/")[2] for row in rows for name in row if name.startswith(("train/", "val/")))
    return {
        "epoch": [row["epoch"] for row in rows],
        **{name: {part: [row.get(f"{part}/{name}") for row in rows] for part in ("train", "val")} for name in names},
    }


def draw(runs: Sequence[Curves]) -> Figure | None:
    """A panel for the loss and for each of the next scores; None where there is no epoch.

    Args:
        runs: of one configuration; of several the mean and the range.
    """
    names = list(dict.fromkeys(name for curves in runs if curves["epoch"] for name in curves if name != "epoch"))[
        :PANELS
    ]
    if not names:
        return None
    figure, axes = canvas("Learning curves", height=2.4, rows=len(names))
    for axis, name in zip(axes, names, strict=True):
        draw_score(axis, runs, name)
        axis.set_ylabel(shortened(name, 22))
    axes[0].legend(fontsize=9, frameon=False)
    axes[-1].set_xlabel("epoch")
    return figure


def draw_score(axis: Axes, runs: Sequence[Curves], name: str) -> None:
    """One score of the training and of the validation part; of several runs the mean and the range at each epoch.

    Args:
        axis: where to.
        runs: may have ended at different epochs: the mean is that of those under way.
        name: of the score, without the part: ``loss``.
    """
    from matplotlib.ticker import MaxNLocator

    for part, color, dashes, marker in (("train", COLORS[1], "--", "x"), ("val", COLORS[0], "-", ".")):
        points: dict[float, list[float]] = {}
        for curves in runs:
            for epoch, value in zip(curves["epoch"], curves.get(name, {}).get(part, ()), strict=False):
                if isinstance(value, (int, float)) and isinstance(epoch, (int, float)):
                    points.setdefault(epoch, []).append(value)
        if points:
            epochs = sorted(points)
            few = marker if len(epochs) <= 40 else ""
            means = [fmean(points[epoch]) for epoch in epochs]
            label = {"train": "training", "val": "validation"}[part]
            axis.plot(epochs, means, color=color, linestyle=dashes, marker=few, markersize=4, label=label)
            if len(runs) > 1:
                low, high = ([end(points[epoch]) for epoch in epochs] for end in (min, max))
                axis.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
