"""Pictures of what was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.canvas import COLORS, DPI, WIDTH, canvas, plain, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.inspection.finding import Example
    from runner.inspection.subject import Subject

SHOWN = 12  # images of a kind
CLASSES = 30  # that are drawn


def classes(subject: Subject) -> Figure | None:
    """How many examples of each class are in each part; None where there are no classes, or too many to be read."""
    number = subject.data.spec.num_classes
    if subject.data.spec.task != "classification" or number is None or number > CLASSES:
        return None
    import numpy as np

    figure, (axis,) = canvas("examples of each class", height=max(2.4, 0.8 + 0.28 * number))
    left = np.zeros(number)
    for color, (name, of) in zip(COLORS, subject.labels.items(), strict=False):
        counts = np.bincount(of, minlength=number)
        axis.barh(range(number), counts, left=left, color=color, label=plain(name))
        left += counts
    axis.set_yticks(range(number), [plain(shortened(subject.class_name(c))) for c in range(number)])
    axis.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def images(subject: Subject, title: str, examples: Sequence[Example]) -> Figure | None:
    """The first of some examples, each beside the one that it is like; None where they are no images."""
    if subject.kind != "image" or not examples:
        return None
    from matplotlib.figure import Figure

    shown = examples[:SHOWN]
    pairs = shown[0].like is not None
    columns = 4
    each = 2 if pairs else 1
    rows = math.ceil(len(shown) * each / columns)
    figure = Figure(figsize=(WIDTH, 0.6 + 1.9 * rows), layout="constrained", dpi=DPI)
    of = f" ({len(shown)} of {len(examples):,})" if len(shown) < len(examples) else ""
    figure.suptitle(title + of, fontsize=12)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.axis("off")
    places = iter(axes)
    for example in shown:
        _draw(next(places), subject, example.part, example.row, example.why)
        if example.like is not None:
            _draw(next(places), subject, *example.like, "the other one")
    return figure


def _draw(axis: Axes, subject: Subject, part: str, row: int, words: str) -> None:
    import torch

    image: Tensor = subject.data.parts[part].read(torch.tensor([row])).inputs[0].float()
    image = image[:3] if len(image) >= 3 else image[:1]
    low, high = float(image.min()), float(image.max())
    scaled = ((image - low) / max(high - low, 1e-12)).permute(1, 2, 0).numpy()
    axis.imshow(scaled[..., 0] if scaled.shape[2] == 1 else scaled, cmap="gray", vmin=0, vmax=1)
    lines = [f"{part} {row}", *(shortened(line.strip(), 20) for line in words.split(","))]
    axis.set_title("\n".join(map(plain, lines)), fontsize=8)
