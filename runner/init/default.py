"""Weights as the network was built."""

from __future__ import annotations

from torch import nn

from runner.init.base import Init


class Default(Init):
    """Leave every weight as the network drew it: by its paper's rule where it has one, otherwise torch's.

    torch draws dense and convolutional weights and biases from U(-1/√fan_in, 1/√fan_in); resnet draws its
    convolutions He-normal.
    """

    def __call__(self, model: nn.Module) -> None:
        """Change nothing."""
