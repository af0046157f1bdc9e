"""Images beside what is said of them."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from runner.data.image.files import Pixels
from runner.errors import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.explain.subject.explained import Case, Explained

SIDE = 1.9  # of a picture, in inches


def picture(explained: Explained, inputs: Tensor) -> Any:
    """Inputs of one example ``(C, H, W)`` as they were before scaling, in [0, 1]: ``(H, W)`` or ``(H, W, 3)``."""
    image = inputs.detach().float().cpu()
    transform = explained.network.transform
    if isinstance(transform, Pixels):
        scale = transform.scale
        image = (
            image * torch.tensor(scale.spread).float()[:, None, None] + torch.tensor(scale.shift).float()[:, None, None]
        )
        image = (image / transform.ceiling).clamp(0, 1)
    else:
        image = (image - image.amin()) / (image.amax() - image.amin()).clamp(min=1e-12)
    return (image[:3].movedim(0, 2) if len(image) >= 3 else image[0]).numpy()


def sheet(rows: int, columns: int, width: float = SIDE, height: float = SIDE + 0.3) -> tuple[Figure, Any]:
    """A figure of empty panels without axes, and its panels ``(rows, columns)``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def png(figure: Figure) -> bytes:
    """A figure as a file has it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def label(axis: Axes, text: str, width: int = 26) -> None:
    """Write above a panel; what would be read as a formula is shown as it is."""
    lines = [wrapped for line in text.splitlines() for wrapped in textwrap.wrap(printable(line), width)[:2] or [""]]
    axis.set_title("\n".join(lines), fontsize=7, parse_math=False)


def heading(case: Case) -> str:
    """What stands above a case."""
    told = f"{case.group}: {case.place}" if case.group else case.place
    truth = f"is {case.truth}, " if case.truth else ""
    return f"{told}\n{truth}predicted {case.predicted}"


def overlays(explained: Explained, cases: Sequence[Case], maps: Sequence[Tensor], signed: bool) -> bytes:
    """Each image, and beside it what speaks for the answer (and against it) over its grey shadow."""
    figure, axes = sheet(-(-len(cases) // 2), 4)
    for number, (case, shares) in enumerate(zip(cases, maps, strict=True)):
        left, right = axes[number // 2, 2 * (number % 2) : 2 * (number % 2) + 2]
        image = picture(explained, case.inputs[0])
        left.imshow(image, cmap="gray", vmin=0, vmax=1)
        label(left, heading(case))
        shadow = image if image.ndim == 2 else image.mean(2)
        height = shares.abs().max().item() or 1.0
        right.imshow(0.35 * shadow + 0.65, cmap="gray", vmin=0, vmax=1)
        shown = right.imshow(
            shares.numpy(),
            cmap="RdBu_r" if signed else "magma_r",
            vmin=-height if signed else 0,
            vmax=height,
            alpha=np.sqrt(shares.abs().numpy() / height),
        )
        label(right, f"why {case.answer}?\nvalue {case.value:.4g}")
        bar = figure.colorbar(shown, ax=right, shrink=0.6, aspect=14, pad=0.02)
        if bar.solids is not None:
            bar.solids.set_alpha(1)
        bar.ax.tick_params(labelsize=6)
    return png(figure)


def series(explained: Explained, cases: Sequence[Case], maps: Sequence[Tensor], signed: bool) -> bytes:
    """Each series ``(T, F)``, and beside it the share of every value; time goes to the right."""
    figure, axes = sheet(len(cases), 2, 4.5, 1.7)
    for (left, right), case, shares in zip(axes, cases, maps, strict=True):
        height = shares.abs().max().item() or 1.0
        for axis, values, colours, ends in (
            (left, case.inputs[0].float().cpu(), "viridis", (None, None)),
            (right, shares, "RdBu_r" if signed else "magma_r", (-height if signed else 0, height)),
        ):
            shown = axis.imshow(values.T.numpy(), aspect="auto", cmap=colours, vmin=ends[0], vmax=ends[1])
            figure.colorbar(shown, ax=axis, pad=0.02).ax.tick_params(labelsize=6)
        label(left, heading(case), 60)
        label(right, f"why {case.answer}? value {case.value:.4g}", 60)
    return png(figure)


def grid(rows: Sequence[tuple[str, list[tuple[str, Tensor]]]], explained: Explained, cases: Sequence[Case]) -> bytes:
    """A row for each case: the image, then some maps of it with their names."""
    figure, axes = sheet(len(rows), 1 + max(len(maps) for _, maps in rows), 1.1, 1.5)
    for line, (_, maps), case in zip(axes, rows, cases, strict=True):
        line[0].imshow(picture(explained, case.inputs[0]), cmap="gray", vmin=0, vmax=1)
        label(line[0], heading(case), 18)
        for axis, (name, values) in zip(line[1:], maps, strict=False):
            axis.imshow(values.numpy(), cmap="viridis")
            label(axis, name)
    return png(figure)


def gallery(images: Tensor, names: Sequence[str], title: str, explained: Explained) -> bytes:
    """Images ``(N, C, H, W)`` with their names."""
    figure, axes = sheet(-(-len(images) // 8), min(8, len(images)), 1.3, 1.6)
    figure.suptitle(printable(title), fontsize=9, parse_math=False)
    for axis, image, name in zip(axes.flat, images, names, strict=False):
        axis.imshow(picture(explained, image), cmap="gray", vmin=0, vmax=1)
        label(axis, name)
    return png(figure)
