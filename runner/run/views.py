"""Test-time augmentation: a network asked several times about each image, and the mean of its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn

from runner.errors import ConfigError
from runner.run.ensemble import Ensemble
from runner.run.trained import TrainedNetwork

if TYPE_CHECKING:
    from runner.engine.task import Task

Views = Literal["flip", "shift", "flip_shift"]
Change = Callable[[Tensor], Tensor]


def views_of(name: Views) -> list[Change]:
    """The views of an image, itself first.

    Args:
        name: ``flip``: its mirror image too, 2 views; ``shift``: moved by an eighth of its sides towards each corner
            too, mirrored at the border, 5 views; ``flip_shift``: both, 10 views.
    """
    from runner.augmentation.crop import shift

    def moved(down: int, right: int) -> Change:
        def change(inputs: Tensor) -> Tensor:
            rows, columns = (
                inputs.new_full((len(inputs),), sign * min(max(1, round(side / 8)), side - 1), dtype=torch.int64)
                for sign, side in zip((down, right), inputs.shape[-2:], strict=True)
            )
            return shift(inputs, rows, columns)

        return change

    shifts = [moved(down, right) for down in (-1, 1) for right in (-1, 1)] if "shift" in name else []
    plain: list[Change] = [lambda inputs: inputs, *shifts]
    mirrored: list[Change] = [lambda inputs, change=change: change(inputs.flip(-1)) for change in plain]  # type: ignore[misc]
    return [*plain, *mirrored] if "flip" in name else plain


class Averaged(nn.Module):
    """``combine(f(v_1(x)), ..., f(v_n(x)))``: what a network gives for views of its inputs, joined as in an ensemble.

    Probabilities of a classification are averaged, values as they are. A mask of a mirrored image is mirrored back.

    Args:
        model: the network.
        task: joins what it gave.
        views: see `views_of`.
    """

    def __init__(self, model: nn.Module, task: Task, views: Views) -> None:
        super().__init__()
        self.model, self.task = model, task
        self.views = views_of(views)
        targets = task.spec.targets
        self.masks = targets is not None and targets.kind == "mask"

    def forward(self, inputs: Tensor, **more: Tensor) -> Tensor:
        """Outputs ``(N, ...)`` of all views together."""
        each = [self.model(view(inputs), **more) for view in self.views]
        if self.masks:  # the only other view of these is the mirror image
            each[1] = each[1].flip(-1)
        return self.task.combine(torch.stack(each))


def with_views(network: TrainedNetwork, views: str | None) -> TrainedNetwork:
    """The same network, asked about several views of each image.

    Args:
        network: a trained network, or an ensemble, whose members are asked each.
        views: see `views_of`; None leaves the network as it is.

    Raises:
        ConfigError: there are no such views, its inputs are no images, or what it tells has a place in the image.
    """
    if views is None:
        return network
    known: tuple[Views, ...] = get_args(Views)
    chosen = next((name for name in known if name == views), None)
    if chosen is None:
        raise ConfigError(f"--tta {views}: expected {', '.join(known[:-1])} or {known[-1]}.")
    if isinstance(network, Ensemble):
        return Ensemble.of([with_views(member, views) for member in network.members], network.weights, network.vote)
    inputs, targets = network.spec.inputs, network.spec.targets
    if inputs is None or inputs.kind != "image":
        raise ConfigError("--tta: test-time augmentation is of images, and this network takes others. Leave it out.")
    if targets is None or targets.kind not in ("class", "labels", "values", "mask"):
        raise ConfigError(
            "--tta: what this network tells has places in the image, which differ between views. Leave it out."
        )
    if targets.kind == "mask" and chosen != "flip":
        raise ConfigError(f"--tta {views}: pixels that were moved out of an image have no mask. Take --tta flip.")
    return replace(network, model=Averaged(network.model, network.task, chosen).eval())
