"""Training examples before and after an augmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from runner.engine.technique import listeners
from runner.errors import ConfigError
from runner.plots import Facts
from runner.plots.prepared import prepared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLES, DRAWS = 8, 4


def before_and_after(name: str, overrides: list[str], config_dir: str | None) -> tuple[Tensor, list[Tensor]]:
    """Some training examples ``(N, ...)``, and the same ones augmented several times, each with its own seed.

    Images are given as pixels, whatever their scaling, so that they have their own colours; noise may take them out of
    [0, 1].

    Raises:
        ConfigError: the command is wrong, or the option augments nothing.
    """
    with prepared([f"augmentation=[{name}]", *overrides], config_dir) as fit:
        chosen = [t for t in fit.techniques if t.name == name]
        if not listeners(chosen, "on_batch"):
            raise ConfigError(f"augmentation/{name}: changes no examples, so there is nothing to draw.")
        if fit.spec.inputs is not None and fit.spec.inputs.kind == "tokens":
            raise ConfigError(f"augmentation/{name}: changes texts, of which nothing is drawn. Leave --plot out.")
        rows = fit.train.order(0)[:EXAMPLES]
        batch, kept = fit.train.read(rows), fit.train.read(rows, kept=True)
        shift, spread = torch.zeros(()), torch.ones(())
        images = fit.spec.inputs
        if images is not None and images.kind == "image" and images.mean:
            shift, spread = (torch.tensor(values).view(-1, 1, 1) for values in (images.mean, images.std))
        drawn = []
        for seed in range(DRAWS):
            torch.manual_seed(seed)
            changed = kept.changed(kept.inputs.clone())
            for change in fit.changes(chosen):
                changed = change(changed)
            drawn.append(changed.inputs.cpu() * spread + shift)
        return batch.inputs.cpu() * spread + shift, drawn


def picture(name: str, overrides: list[str], config_dir: str | None) -> tuple[Figure, Facts]:
    """A row of training examples, and below it rows of the same ones as the network may see them.

    Raises:
        ConfigError: the command is wrong, or the option augments nothing.
    """
    from matplotlib.figure import Figure

    before, after = before_and_after(name, overrides, config_dir)
    rows = [before, *after]
    figure = Figure(figsize=(1.3 * len(before) + 0.6, 1.3 * len(rows) + 0.5), layout="constrained")
    figure.suptitle(" ".join([f"augmentation={name}", *overrides]))
    axes = figure.subplots(len(rows), len(before), squeeze=False)
    low, high = float(before.min()), float(before.max())
    for number, (row, examples) in enumerate(zip(axes, rows, strict=True)):
        for axis, example in zip(row, examples, strict=True):
            _show(axis, example, low, high)
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel("before" if number == 0 else f"draw {number}", fontsize=9)
    change = torch.stack([(x - before).square().mean().sqrt() for x in after]).mean() / before.std()
    return figure, [
        ("examples", f"{len(before)} of the training split, shape {tuple(before.shape[1:])}, drawn {DRAWS} times"),
        ("change", f"{float(change):.2f} standard deviations of the inputs (root mean square)"),
    ]


def _show(axis: Any, example: Tensor, low: float, high: float) -> None:
    if example.ndim == 3:  # an image (C, H, W): all channels on the scale of the examples before
        image = ((example - low) / max(high - low, 1e-12)).clamp(0, 1).permute(1, 2, 0).numpy()
        axis.imshow(image[..., :3] if image.shape[2] >= 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
    elif example.ndim == 2:  # a series (steps, features)
        axis.plot(example.numpy(), linewidth=0.8)
        axis.set_ylim(low, high)
    else:
        axis.bar(range(len(example)), example.numpy())
        axis.set_ylim(low, high)
