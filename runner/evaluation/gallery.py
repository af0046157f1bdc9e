"""Pictures of examples: images with their classes, masks or boxes; series with what was foretold of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.canvas import COLORS, DPI, WIDTH, shortened
from runner.evaluation.examples import Example

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.engine.task import Task

SHOWN = 12  # classified images
LARGE = 5  # images with masks, series


def gallery(task: Task, examples: Sequence[Example], title: str) -> Figure | None:
    """A picture of the first of some examples; None where they are nothing that one sees."""
    spec = task.spec
    if not examples or spec.inputs is None or spec.targets is None:
        return None
    if spec.inputs.kind == "series" and spec.targets.kind == "values":
        forecast = examples[0].target.ndim == 2  # else numbers of a whole series: nothing that goes on
        return _series(task, examples[:LARGE], title) if forecast else None
    if spec.inputs.kind != "image":
        return None
    if spec.targets.kind == "mask":
        return _masks(task, examples[:LARGE], title)
    return _images(task, examples[:SHOWN], title)


def _grid(rows: int, columns: int, title: str, height: float) -> tuple[Figure, list[list[Axes]]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 0.5 + height * rows), layout="constrained", dpi=DPI)
    figure.suptitle(title, fontsize=12)
    return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def _show(axis: Axes, image: Tensor) -> None:
    """An image ``(C, H, W)`` in its own range."""
    image = image.float()
    image = image[:3] if len(image) >= 3 else image[:1]
    low, high = float(image.min()), float(image.max())
    scaled = ((image - low) / max(high - low, 1e-12)).permute(1, 2, 0).numpy()
    axis.imshow(scaled[..., 0] if scaled.shape[2] == 1 else scaled, cmap="gray", vmin=0, vmax=1)


def _images(task: Task, examples: Sequence[Example], title: str) -> Figure:
    columns = 3
    boxes = task.spec.targets is not None and task.spec.targets.kind in ("boxes", "instances")
    figure, axes = _grid(-(-len(examples) // columns), columns, title, 2.2)
    flat = [axis for row in axes for axis in row]
    for axis in flat:
        axis.axis("off")
    for axis, example in zip(flat, examples, strict=False):
        assert example.inputs is not None
        _show(axis, example.inputs)
        told = example.told
        words = f"loss {example.loss:.3g}"
        if boxes:
            _boxes(axis, example.target, example.predicted)
            if task.spec.targets is not None and task.spec.targets.kind == "instances":
                _outlines(axis, example.inputs.shape[-2:], example.target, example.predicted)
            words = f"{words}\n{len(told['true'])} true, {told['boxes']} predicted"
        else:
            true, predicted = (shortened(str(told.get(key, "")) or "none", 15) for key in ("true", "prediction"))
            sure = "" if example.confidence is None else f" ({example.confidence:.0%})"
            words = f"true {true}\npredicted {predicted}{sure}\n{words}"
        axis.set_title(words, fontsize=9)
    if boxes:
        figure.supxlabel("true boxes: dashed blue; predicted ones with a score of 0.3 or more: orange", fontsize=9)
    return figure


def _boxes(axis: Axes, true: Tensor, told: Tensor) -> None:
    from matplotlib.patches import Rectangle

    kinds: list[tuple[Tensor, dict[str, Any]]] = [
        (true, {"edgecolor": COLORS[4], "linestyle": "--", "linewidth": 2}),
        (told[told[:, 5] >= 0.3], {"edgecolor": COLORS[5], "linewidth": 1.2}),
    ]
    for boxes, look in kinds:
        for left, top, right, bottom in boxes[boxes[:, 0] >= 0][:, 1:5].tolist():
            # imshow's pixels begin half a pixel before their number
            axis.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, **look))


def _outlines(axis: Axes, sides: Sequence[int], true: Tensor, told: Tensor) -> None:
    """The pixels of each thing: true ones bordered, told ones filled; of the things whose boxes are drawn."""
    from runner.task.boxes.instances import pasted

    found = told[(told[:, 0] >= 0) & (told[:, 5] >= 0.3)]
    side = math.isqrt(told.shape[1] - 6)
    masks = pasted(found[:, 1:5], found[:, 6:].unflatten(1, (side, side)), *sides) >= 0.5
    for mask in masks:
        if mask.any():
            axis.contourf(mask.float().numpy(), levels=[0.5, 1.5], colors=[COLORS[5]], alpha=0.45)
    for mask in true[true[:, 0] >= 0][:, 5:].unflatten(1, tuple(sides)):
        if 0 < mask.mean() < 1:
            axis.contour(mask.numpy(), levels=[0.5], colors=[COLORS[4]], linewidths=1.5)


def _masks(task: Task, examples: Sequence[Example], title: str) -> Figure:
    import torch

    from runner.engine.spec import IGNORED

    figure, axes = _grid(len(examples), 3, title, 1.8)
    for axis, words in zip(axes[0], ("image", "true", "predicted"), strict=True):
        axis.set_title(words, fontsize=10)
    for row, example in zip(axes, examples, strict=True):
        assert example.inputs is not None
        _show(row[0], example.inputs)
        there = [
            c for c in torch.cat([example.target.flatten(), example.predicted.flatten()]).unique().tolist() if c >= 0
        ]
        for axis, mask in zip(row[1:], (example.target, example.predicted), strict=True):
            ranks = torch.bucketize(mask, torch.tensor(there)).float().masked_fill(mask == IGNORED, math.nan)
            axis.imshow(ranks.numpy(), cmap="cividis", vmin=0, vmax=max(1, len(there) - 1), interpolation="nearest")
            _name_regions(axis, mask, task.class_names)
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(f"no. {example.index}\nloss {example.loss:.3g}", fontsize=9)
    return figure


def _name_regions(axis: Axes, mask: Tensor, names: Sequence[str]) -> None:
    """Write the name of each class that has a fiftieth of the pixels or more in their middle, read on any colour."""
    from matplotlib.patheffects import withStroke

    for label in mask[mask >= 0].unique().tolist():
        places = (mask == label).nonzero()
        if len(places) * 50 >= mask.numel():
            y, x = places[len(places) // 2].tolist()
            outline = [withStroke(linewidth=2, foreground="black")]
            axis.text(
                x,
                y,
                shortened(names[label], 8),
                color="white",
                fontsize=8,
                ha="center",
                va="center",
                path_effects=outline,
            )


def _series(task: Task, examples: Sequence[Example], title: str) -> Figure:
    """The history, and the first series that is told of, in its own unit."""
    from runner.task.regression import in_their_units

    figure, axes = _grid(len(examples), 1, title, 1.7)
    assert task.spec.inputs is not None and task.spec.targets is not None
    names, columns = task.spec.targets.names, task.spec.inputs.names
    column = columns.index(names[0]) if names and names[0] in columns else 0
    scale = task.spec.targets.mean[:1], task.spec.targets.std[:1]
    for (axis,), example in zip(axes, examples, strict=True):
        assert example.inputs is not None
        history, true, predicted = (
            in_their_units(values, *scale).tolist()
            for values in (example.inputs[:, column], example.target[:, 0], example.predicted[:, 0])
        )
        steps = range(1, len(example.target) + 1)
        axis.plot(range(1 - len(history), 1), history, color="grey", label="seen")
        axis.plot(steps, true, color=COLORS[0], marker=".", label="true")
        axis.plot(steps, predicted, color=COLORS[1], linestyle="--", marker="x", label="predicted")
        axis.set_ylabel(f"no. {example.index}\nloss {example.loss:.3g}", fontsize=9)
        axis.grid(alpha=0.3)
    axes[0][0].legend(fontsize=8, ncols=3)
    axes[-1][0].set_xlabel(f"step (0 is the last one seen); {shortened(names[0]) if names else 'values'}")
    return figure
