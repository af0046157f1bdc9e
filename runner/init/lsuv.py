"""Layer-sequential unit-variance initialization."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from runner.engine.batch import Batch
from runner.init.base import Init


class Lsuv(Init):
    """Orthonormal weights, scaled layer by layer until the outputs of each have variance 1 on a batch of the data.

    Fits any activation, also where no formula is known. Layers are taken in the order in which they run, in evaluation
    mode. The outputs of a layer are looked at before its normalization and activation. Biases zero.

    Args:
        examples: random training examples that the variance is measured on, at least 2.
        tolerance: how close to 1 the variance must come, above 0.
        max_iterations: attempts per layer, each a pass through the network.

    Source: Mishkin and Matas 2016, "All You Need is a Good Init", algorithm 1.
    """

    def __init__(
        self,
        examples: Annotated[int, Ge(2)] = 256,
        tolerance: Annotated[float, Gt(0)] = 0.02,
        max_iterations: Annotated[int, Ge(1)] = 5,
    ) -> None:
        self.examples, self.tolerance, self.max_iterations = examples, tolerance, max_iterations

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        nn.init.orthogonal_(weight)

    @torch.no_grad()
    def adapt(self, model: nn.Module, batch: Batch) -> None:
        """Scale the weights."""
        training = model.training
        model.eval()
        for layer in in_order(model, batch):
            for _ in range(self.max_iterations):
                variance = output_of(layer, model, batch).var().item()
                if abs(variance - 1.0) <= self.tolerance or variance == 0:
                    break
                layer.weight.div_(variance**0.5)  # type: ignore[operator]
        model.train(training)


def in_order(model: nn.Module, batch: Batch) -> list[nn.Module]:
    """The dense and convolutional layers of `model`, each once, in the order in which they run for `batch`."""
    ran: dict[nn.Module, None] = {}
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | _ConvNd)]
    hooks = [layer.register_forward_hook(lambda module, *_: ran.setdefault(module)) for layer in layers]
    model(batch.inputs, **batch.more)
    for hook in hooks:
        hook.remove()
    return list(ran)


def output_of(layer: nn.Module, model: nn.Module, batch: Batch) -> Tensor:
    """What `layer` gives when `model` sees `batch`."""
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    model(batch.inputs, **batch.more)
    hook.remove()
    return seen[0]
