"""The initialization that belongs to the network's activation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runner.init.base import Init, function_in
from runner.init.he_normal import he_std
from runner.init.truncated_normal import TruncatedNormal
from runner.model.layers.block import TransformerBlock

TRANSFORMERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, TransformerBlock)


class Auto(Init):
    """He with relu and its like, Xavier with tanh, sigmoid and softmax, LeCun with selu; biases zero.

    All normal, over the number of inputs (He, LeCun) or of inputs and outputs (Xavier), times the activation's gain.
    Recurrent layers, whose gates are sigmoids and tanhs, get Xavier weights for their inputs and orthogonal ones for
    their state. A network with transformer layers is drawn by `TruncatedNormal` as a whole.

    Source: He et al. 2015, equation 10; Glorot and Bengio 2010, equation 12; Klambauer et al. 2017 (selu); Saxe et al.
        2014 (orthogonal); Devlin et al. 2019 (truncated).
    """

    def __call__(self, model: nn.Module) -> None:
        """Initialize `model`."""
        if any(isinstance(module, TRANSFORMERS) for module in model.modules()):
            TruncatedNormal()(model)
            return
        self.xavier = function_in(model).bounded
        super().__call__(model)
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.RNNBase):
                    _fill_recurrent(module)

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        if self.xavier:
            nn.init.xavier_normal_(weight, gain)
        else:
            weight.normal_(0, he_std(weight, "fan_in", gain))


def _fill_recurrent(module: nn.RNNBase) -> None:
    """Gate by gate: a layer's weights hold those of its gates one below the other, ``(gates * hidden, in)``."""
    for name, parameter in module.named_parameters():
        if "bias" in name:
            parameter.zero_()
        elif "weight_hr" in name:  # of an lstm that projects its state
            nn.init.xavier_normal_(parameter)
        else:
            for gate in parameter.split(module.hidden_size):
                (nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_normal_)(gate)
