"""What all initializations share: which weights are drawn, their fans, and the gain of an activation."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from runner.engine.batch import Batch
from runner.model.base import declared
from runner.model.changes import Change
from runner.model.layers.activation import ACTIVATIONS, ActivationFunction, leaky_gain
from runner.model.weights.published import Weights


def function_in(model: nn.Module) -> ActivationFunction:
    """The activation that a network declares; relu where it declares none, or one that is not known."""
    return ACTIVATIONS.get(declared(model).activation, ACTIVATIONS["relu"])


def gain_in(model: nn.Module) -> float:
    """The gain of a network's activation.

    Where its slope for inputs below 0 can be set, that of the first such layer in the network counts.
    """
    function = function_in(model)
    if function.slope is None:
        return function.gain
    return leaky_gain(next((m.negative_slope for m in model.modules() if isinstance(m, nn.LeakyReLU)), function.slope))


def fans(weight: Tensor) -> tuple[int, int]:
    """Number of inputs and outputs that a dense ``(out, in)`` or convolution ``(out, in/groups, *kernel)`` joins."""
    kernel = math.prod(weight.shape[2:])
    return weight.shape[1] * kernel, weight.shape[0] * kernel


class Init:
    """Draws the weights of all dense, convolutional and recurrent layers, in place, and sets their biases to zero.

    Of recurrent layers, each gate's weights are drawn by themselves, with gain 1: a state that is fed back must neither
    grow nor fade. Normalizations and everything else keep what they have. Subclasses implement `fill`. Draws come from
    torch's default generator, which the caller seeds.

    Attributes:
        examples: training examples that `adapt` wants to see; 0 when it is not to be called.
        notes: what the user should hear once the weights are set, in words.
        numbers: of texts, the number that the vocabulary's own file has for each entry of ours, -1 where it has none;
            empty where there is no such file. Set by who knows the data.
        tokens: of texts, the entries of the vocabulary, likewise.
    """

    examples: int = 0
    notes: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    tokens: tuple[str, ...] = ()

    def check(self) -> None:
        """Look, before any data are loaded, whether what the weights are made from is there.

        Not called where the weights are not to be set: when a run is resumed or its network loaded.

        Raises:
            ConfigError: it is not.
        """

    def published(self, network: Callable[[], nn.Module | None]) -> Weights | None:
        """What is known of the weights, without their tensors, where they were published; None where they are drawn.

        Args:
            network: makes the network, where it is asked for; it may have no memory for its weights. None where it
                can't be made yet.

        Raises:
            ConfigError: there are no such weights for it.
        """
        return None

    def changes(self) -> list[Change]:
        """What was done to the network that the weights are from, and is done to the new one before it gets them.

        Raises:
            ConfigError: with that it can't be trained.
        """
        return []

    def __call__(self, model: nn.Module) -> None:
        """Initialize `model`, with the gain of its activation (`gain_in`)."""
        gain = gain_in(model)
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.Linear | _ConvNd):
                    self.fill(module.weight, gain)
                    if module.bias is not None:
                        module.bias.zero_()
                elif isinstance(module, nn.RNNBase):
                    for parameter in module.parameters():
                        if parameter.ndim == 1:
                            parameter.zero_()
                            continue
                        for gate in parameter.split(module.hidden_size):
                            self.fill(gate, 1.0)

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place.

        Args:
            weight: ``(out, in)`` or ``(out, in/groups, *kernel)``.
            gain: factor for the network's activation.
        """
        raise NotImplementedError

    def adapt(self, model: nn.Module, batch: Batch) -> None:
        """Fit the weights that were drawn to the data; called only where `examples` is not 0.

        Args:
            model: the network, where `batch` is.
            batch: so many `examples` of the training part, drawn.
        """
        raise NotImplementedError
