"""Training beside validation, epoch by epoch, as ``metrics.jsonl`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def draw(curves: Curves) -> Figure | None:
    """A panel for the loss and for each of the next scores; None where there is no epoch."""
    from matplotlib.ticker import MaxNLocator

    from runner.evaluation.canvas import COLORS, canvas, shortened

    names = [name for name in curves if name != "epoch"][:PANELS]
    if not curves["epoch"] or not names:
        return None
    figure, axes = canvas("Learning curves", height=2.4, rows=len(names))
    for axis, name in zip(axes, names, strict=True):
        for part, color, dashes, marker in (("train", COLORS[1], "--", "x"), ("val", COLORS[0], "-", ".")):
            points = [
                (epoch, value)
                for epoch, value in zip(curves["epoch"], curves[name][part], strict=True)
                if isinstance(value, (int, float))
            ]
            if points:
                few = marker if len(points) <= 40 else ""
                xs, ys = [epoch for epoch, _ in points], [value for _, value in points]
                label = {"train": "training", "val": "validation"}[part]
                axis.plot(xs, ys, color=color, linestyle=dashes, marker=few, markersize=4, label=label)
        axis.set_ylabel(shortened(name, 22))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend(fontsize=9)
    axes[-1].set_xlabel("epoch")
    return figure
