"""What hidden units give for a batch of examples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from runner.diagnostics.observation.network import evaluation_mode
from runner.engine.batch import Batch
from runner.model.layers.activation import by_layer

ACTIVATIONS = by_layer()
LAYERS: tuple[type[nn.Module], ...] = (*ACTIVATIONS, nn.Linear, _ConvNd)


@contextmanager
def _listening(model: nn.Module, heard: dict[str, tuple[nn.Module, Tensor]]) -> Iterator[None]:
    """Hooks that keep the input of every activation, under the name of the layer with weights before it."""
    layer = ""

    def on_layer(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            nonlocal layer
            layer = name

        return hook

    def on_activation(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        heard[layer] = (module, inputs[0].detach())

    handles = [
        module.register_forward_hook(on_activation if isinstance(module, tuple(ACTIVATIONS)) else on_layer(name))
        for name, module in model.named_modules()
        if isinstance(module, LAYERS)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def hidden_units(model: nn.Module, batch: Batch) -> dict[str, tuple[nn.Module, Tensor]]:
    """Pass `batch` through the network in evaluation mode and hear its activations.

    Hooks exist during this call only, so training runs without them.

    Returns:
        By name of the layer in front: the activation module, and its input with one row per unit ``(units, values)``;
        units are features of dense layers and channels of images.
    """
    heard: dict[str, tuple[nn.Module, Tensor]] = {}
    with torch.no_grad(), evaluation_mode(model), _listening(model, heard):
        model(batch.inputs, **batch.more)
    return {name: (module, _by_unit(values)) for name, (module, values) in heard.items()}


def _by_unit(values: Tensor) -> Tensor:
    units = -1 if values.ndim == 3 else 1  # (N, T, F) has its features last, (N, F) and (N, C, H, W) second
    return values.movedim(units, 0).flatten(1).float()


def slopes(activation: nn.Module, inputs: Tensor) -> Tensor:
    """``f'(x)`` of an activation that acts on each value by itself; the same shape as `inputs`."""
    leaf = inputs.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(activation(leaf.clone()).sum(), leaf)  # some act in place
    return gradient
