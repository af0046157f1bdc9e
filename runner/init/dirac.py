"""Convolutions that start as the identity."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from runner.init.base import Init


class Dirac(Init):
    """Convolutions that pass their input on: output channel i starts as input channel ``i mod inputs``. Biases zero.

    With as many outputs as inputs the layer is the identity. More outputs repeat the inputs, where torch's ``dirac_``
    leaves the rest zero, and with them dead under a relu. Dense layers stay as the network drew them: that is what
    makes repeated channels learn different things.

    Source: Zagoruyko and Komodakis 2017, "DiracNets: Training Very Deep Neural Networks Without Skip-Connections".
    """

    def __call__(self, model: nn.Module) -> None:
        """Initialize `model`'s convolutions."""
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, _ConvNd):
                    self.fill(module.weight, 1.0)
                    if module.bias is not None:
                        module.bias.zero_()

    def fill(self, weight: Tensor, gain: float) -> None:
        """Set one weight in place."""
        weight.zero_()
        outputs = torch.arange(weight.shape[0])
        centre = [torch.tensor(side // 2) for side in weight.shape[2:]]
        weight[outputs, outputs % weight.shape[1], *centre] = 1.0
