"""Every activation that ``model.activation`` can name: adding one is adding its entry here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge
from torch import nn

Slope = Annotated[float, Ge(0)]


def leaky_gain(slope: float) -> float:
    """``√(2 / (1 + slope²))``: inputs below 0 are multiplied by `slope` (He et al. 2015, equation 15)."""
    return math.sqrt(2.0 / (1.0 + slope**2))


@dataclass(frozen=True)
class ActivationFunction:
    """What is known of an activation.

    Attributes:
        build: makes its layer; takes the slope where `slope` says so.
        formula: in one line.
        source: paper.
        gain: factor by which weights must grow to make up for what it takes from the variance (at its usual slope).
        bounded: whether its outputs are bounded on both sides; Xavier initialization is made for these.
        steepest: its greatest slope, where it saturates: acts on each value by itself and is bounded.
        pointwise: whether it acts on each value by itself.
        slope: its usual slope for inputs below 0, where that can be set (``model.negative_slope``).
    """

    build: Callable[..., nn.Module]
    formula: str
    source: str
    gain: float = math.sqrt(2.0)
    bounded: bool = False
    steepest: float | None = None
    pointwise: bool = True
    slope: float | None = None


_RAMACHANDRAN = "Ramachandran et al. 2017, Searching for Activation Functions"
# Smooth relatives of relu have its gain. That of selu is 1: its constants were chosen for variance 1/fan_in. Outputs of
# softmax do not grow with its inputs.
ACTIVATIONS: dict[str, ActivationFunction] = {
    "relu": ActivationFunction(
        nn.ReLU, "max(0, x)", "Nair and Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines."
    ),
    "leaky_relu": ActivationFunction(
        nn.LeakyReLU,
        "x where x > 0, else negative_slope x",
        "Maas et al. 2013, Rectifier Nonlinearities, section 2.",
        gain=leaky_gain(0.01),
        slope=0.01,
    ),
    "prelu": ActivationFunction(
        nn.PReLU,
        "x where x > 0, else a x with learned a",
        "He et al. 2015, Delving Deep into Rectifiers, equation 1.",
        gain=leaky_gain(0.25),
    ),
    "elu": ActivationFunction(
        nn.ELU, "x where x > 0, else e^x - 1", "Clevert et al. 2016, Exponential Linear Units, equation 1."
    ),
    "selu": ActivationFunction(
        nn.SELU,
        "1.0507 (x where x > 0, else 1.6733 (e^x - 1))",
        "Klambauer et al. 2017, Self-Normalizing Networks.",
        gain=1.0,
    ),
    "gelu": ActivationFunction(nn.GELU, "x Φ(x)", "Hendrycks and Gimpel 2016, Gaussian Error Linear Units."),
    "silu": ActivationFunction(nn.SiLU, "x σ(x)", f"{_RAMACHANDRAN} (there called swish)."),
    "swish": ActivationFunction(nn.SiLU, "x σ(x)", f"{_RAMACHANDRAN} (the same as silu)."),
    "mish": ActivationFunction(
        nn.Mish, "x tanh(log(1 + e^x))", "Misra 2020, Mish: A Self Regularized Non-Monotonic Activation Function."
    ),
    "softplus": ActivationFunction(
        nn.Softplus, "log(1 + e^x)", "Dugas et al. 2001, Incorporating Second-Order Functional Knowledge."
    ),
    "hardswish": ActivationFunction(
        nn.Hardswish, "x min(max(x + 3, 0), 6) / 6", "Howard et al. 2019, Searching for MobileNetV3, section 5.2."
    ),
    "tanh": ActivationFunction(
        nn.Tanh,
        "(e^x - e^-x) / (e^x + e^-x)",
        "LeCun et al. 1998, Efficient BackProp, section 4.4.",
        gain=5.0 / 3.0,
        bounded=True,
        steepest=1.0,
    ),
    "sigmoid": ActivationFunction(
        nn.Sigmoid,
        "1 / (1 + e^-x)",
        "Rumelhart et al. 1986, Learning Representations by Back-Propagating Errors.",
        gain=1.0,
        bounded=True,
        steepest=0.25,
    ),
    "softmax": ActivationFunction(
        partial(nn.Softmax, dim=1),  # over the features or channels: (N, C) and (N, C, H, W)
        "e^x_i / Σ_j e^x_j",
        "Bridle 1990, Training Stochastic Model Recognition Algorithms.",
        gain=1.0,
        bounded=True,
        pointwise=False,
    ),
    "identity": ActivationFunction(
        nn.Identity,
        "x",
        "Saxe et al. 2014, Exact Solutions to the Nonlinear Dynamics of Learning (linear networks).",
        gain=1.0,
    ),
}

if TYPE_CHECKING:
    Activation = str
else:
    Activation = Literal[tuple(ACTIVATIONS)]


def activation_layer(name: Activation, negative_slope: float) -> nn.Module:
    """The activation called `name`; `negative_slope` is that of ``leaky_relu``, and of no concern to others."""
    function = ACTIVATIONS[name]
    return function.build() if function.slope is None else function.build(negative_slope)


def by_layer() -> dict[type[nn.Module], ActivationFunction]:
    """Activations that act on each value by themselves, by the class of their layer; the identity is none."""
    pointwise: Any = (function for function in ACTIVATIONS.values() if function.pointwise)
    return {function.build: function for function in pointwise if function.build is not nn.Identity}
