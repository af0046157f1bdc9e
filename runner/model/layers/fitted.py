"""Networks that were published for large images of three colours, fitted to the images there are."""

from __future__ import annotations

from itertools import count
from typing import Literal

import torch
from torch import Tensor, nn

from runner.engine.spec import Spec
from runner.errors import ConfigError

Stem = Literal["auto", "small", "large"]

# Images up to this many pixels (shorter side) keep their resolution in the stem.
SMALL = 64
# In small images no layer leaves maps of fewer pixels than this (shorter side).
MIN_MAP = 2

Strided = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d


def has_small_stem(spec: Spec, stem: Stem) -> bool:
    """Whether a network is to have the stem for small images: as asked for, or else by the shorter side."""
    return min(spec.input_shape[1:]) <= SMALL if stem == "auto" else stem == "small"


def fit_to_images(network: nn.Module, spec: Spec, stem: Stem = "auto") -> None:
    """Change a network in place, as little as the images ask for; at 224 pixels and three colours nothing changes.

    - The first convolution takes the colours that there are.
    - With the stem for small images, the convolution that skips pixels first has stride 1 and a kernel of at most 3x3,
      and a max pooling that skips pixels next is left out. Patch embeddings, whose kernel is their stride, stay.
    - In images of up to 64 pixels a layer further in that would leave a single pixel keeps the size of its maps: 8
      pixels are halved twice, and 16 or more as often as the network has it.
    - No activation overwrites its input, so that what a layer gives can be looked at.

    Which layer comes when is found by passing a black image through, which is done for small images only.

    Raises:
        ConfigError: the images are too small for the network.
    """
    for module in network.modules():
        if isinstance(getattr(module, "inplace", None), bool):
            module.inplace = False  # type: ignore[assignment]
    colours, *sides = spec.input_shape
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    if first.in_channels != colours:
        _redraw(first, colours, first.kernel_size)
    small_stem, small = has_small_stem(spec, stem), min(sides) <= SMALL
    if not (small_stem or small):
        return
    numbers, opened = count(), False

    def fit(layer: Strided, given: tuple[Tensor, ...]) -> None:
        nonlocal opened
        number, kernel = next(numbers), _pair(layer.kernel_size)
        if small_stem and number == 0 and isinstance(layer, nn.Conv2d) and kernel > _pair(layer.stride):
            _keep_size(layer, largest=3)
            opened = True
        elif (opened and number == 1 and isinstance(layer, nn.MaxPool2d)) or (
            small and _is_padded(layer) and _left(layer, min(given[0].shape[-2:])) < MIN_MAP
        ):
            _keep_size(layer)

    strided = [m for m in network.modules() if isinstance(m, Strided) and _pair(m.stride) != (1, 1)]
    hooks = [layer.register_forward_pre_hook(fit) for layer in strided]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, *spec.input_shape, device=first.weight.device))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ConfigError(
            f"model ({type(network).__name__}): fails on images of {sides[1]} x {sides[0]} pixels "
            f"({' '.join(str(error).split())}). Take larger images, or another network."
        ) from error
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _is_padded(layer: Strided) -> bool:
    """Whether a convolution has zeros around its input; one without goes beside others that shrink maps as it does."""
    if not isinstance(layer, nn.Conv2d):
        return True
    return isinstance(layer.padding, str) or layer.padding[0] >= (layer.kernel_size[0] - 1) // 2


def _left(layer: Strided, side: int) -> int:
    """Pixels of a map's side behind a layer."""
    kernel, stride = _pair(layer.kernel_size)[0], _pair(layer.stride)[0]
    padding = kernel // 2 if isinstance(layer.padding, str) else _pair(layer.padding)[0]
    up = stride - 1 if not isinstance(layer, nn.Conv2d) and layer.ceil_mode else 0
    return (side + 2 * padding - kernel + up) // stride + 1


def _keep_size(layer: Strided, largest: int | None = None) -> None:
    """Make a layer keep the size of its maps; the kernel of a convolution becomes odd and at most `largest`."""
    if not isinstance(layer, nn.Conv2d):
        layer.kernel_size, layer.stride, layer.padding = 1, 1, 0
        return
    kernel = tuple(min(k - (k + 1) % 2, largest or k) for k in layer.kernel_size)
    if kernel != layer.kernel_size:
        _redraw(layer, layer.in_channels, kernel)
    layer.stride = (1, 1)
    layer.padding = tuple(k // 2 * d for k, d in zip(kernel, layer.dilation, strict=True))


def _redraw(layer: nn.Conv2d, inputs: int, kernel: tuple[int, ...]) -> None:
    """Give a convolution other colours or another kernel, with new weights (He et al. 2015, over fan-out)."""
    layer.in_channels, layer.kernel_size = inputs, kernel
    layer.weight = nn.Parameter(layer.weight.new_empty(layer.out_channels, inputs // layer.groups, *kernel))
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
