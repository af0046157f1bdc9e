"""Layers of a network: by their names, and which one is taken where none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runner.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from runner.explain.subject.explained import Case, Explained

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def layer_named(explained: Explained, name: str) -> nn.Module:
    """The layer of that name.

    Raises:
        ConfigError: the network has none.
    """
    layers = dict(explained.model.named_modules())
    layers.pop("")
    if name not in layers:
        shown = [n for n, layer in layers.items() if not list(layer.children())]
        raise ConfigError(
            f"--layer {name}: {type(explained.model).__name__} has no such layer.{did_you_mean(name, layers)} "
            f"Expected one of {', '.join(shown[:40])}{', ...' if len(shown) > 40 else ''}."
        )
    found: nn.Module = layers[name]
    return found


def shapes(explained: Explained, inputs: Tensor) -> dict[str, tuple[int, ...]]:
    """The shape of what each layer gives for `inputs`, by its name, in the order in which they are run."""
    found: dict[str, tuple[int, ...]] = {}
    hooks = []
    for name, layer in explained.model.named_modules():

        def note(_: nn.Module, __: object, given: object, name: str = name) -> None:
            if name and isinstance(given, Tensor):
                found.pop(name, None)
                found[name] = tuple(given.shape)

        hooks.append(layer.register_forward_hook(note))
    try:
        with torch.no_grad():
            explained.model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def convolutions(explained: Explained) -> list[str]:
    """The names of the convolutions."""
    return [name for name, layer in explained.model.named_modules() if isinstance(layer, CONVOLUTIONS)]


def cuts_patches(explained: Explained, name: str) -> bool:
    """Whether a convolution only cuts the image into patches, as in front of a transformer: it sees pixels alone."""
    layer: Any = explained.model.get_submodule(name)
    of_pixels = layer.in_channels == explained.spec.input_shape[0]
    return bool(of_pixels and layer.kernel_size == layer.stride and max(layer.kernel_size) > 1)


def first_maps(explained: Explained, inputs: Tensor) -> str | None:
    """The first convolution that gives more than one position; None where there is none."""
    return next(iter(_spatial(explained, shapes(explained, inputs))), None)


def last_maps(explained: Explained, inputs: Tensor) -> str | None:
    """Where the last maps of more than one position are whole; None where no convolution gives such.

    That is the last convolution, or the outermost layer around it that gives maps of the same size: what is added to
    it, put beside it or weighed by it belongs to what the layers behind are given. Where a network answers for each
    position, its very last convolution is left out, as it gives the answers themselves.
    """
    there = shapes(explained, inputs)
    found = _spatial(explained, there)
    targets = explained.spec.targets
    answers = (
        found.pop() if targets is not None and targets.kind in ("mask", "boxes", "instances") and len(found) > 1 else ""
    )
    if not found:
        return None
    name = around = found[-1]
    while around := around.rpartition(".")[0]:
        if answers.startswith(f"{around}."):
            break
        if around in there:
            if len(there[around]) != 4 or there[around][2:] != there[name][2:]:
                break
            name = around
    return name


def _spatial(explained: Explained, there: dict[str, tuple[int, ...]]) -> list[str]:
    """The convolutions that give more than one position, in the order in which they are run."""
    several = {name for name, shape in there.items() if len(shape) == 4 and shape[2] * shape[3] > 1}
    known = several.intersection(convolutions(explained))
    return [name for name in there if name in known]


def refuse_without_positions(explained: Explained, case: Case, name: str) -> None:
    """Refuse a layer that gives no images.

    Raises:
        ConfigError: with the names of those that do.
    """
    there = shapes(explained, case.inputs)
    if len(there.get(name, ())) != 4:
        given = f"gives {there[name]}" if name in there else "gives no single tensor"
        fitting = [n for n, shape in there.items() if len(shape) == 4]
        raise ConfigError(
            f"--layer {name}: {given} for one example, and (1, channels, height, width) is expected. Such are "
            f"{', '.join(fitting) or 'none of this network'}."
        )


def given_by(explained: Explained, name: str, case: Case) -> Tensor:
    """What a layer gives for one example."""
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, given: Tensor) -> None:
        kept[:] = [given.detach()]

    hook = layer_named(explained, name).register_forward_hook(keep)
    try:
        with torch.no_grad():
            explained.answer(case)
    finally:
        hook.remove()
    return kept[0]
