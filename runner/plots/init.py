"""What becomes of a signal in a deep network with an initialization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runner.canvas import canvas
from runner.engine.batch import Batch
from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.init.base import Init
from runner.model.layers.activation import Activation
from runner.model.mlp import MLP
from runner.plots import Facts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTH, WIDTH = 20, 512
NARROW = 128  # for those that pass examples through the network again and again: minutes otherwise
ACTIVATIONS: tuple[Activation, ...] = ("relu", "leaky_relu", "gelu", "selu", "tanh", "sigmoid")


def signal(init: Init, activation: Activation, seed: int = 0) -> list[float]:
    """Mean square of the activations behind each of 20 dense layers, over units and 1,024 examples.

    Layers have 512 units, or 128 where the initialization looks at examples.

    Inputs are drawn from N(0, 1). That of the first layer is 1: the others are relative to it.

    Args:
        init: draws the weights.
        activation: of all layers.
        seed: of weights and inputs.
    """
    torch.manual_seed(seed)
    width = _width(init)
    inputs = torch.randn(1024, width)
    model = MLP(Spec.regression((width,)), (width,) * DEPTH, activation)
    init(model)
    if init.examples:
        init.adapt(model, Batch(inputs[: init.examples], inputs[: init.examples]))
    seen: list[float] = []
    layers = [layer for name, layer in model.named_children() if name.startswith("activation")]
    for layer in layers:
        layer.register_forward_hook(lambda module, inputs, output: seen.append(float(output.square().mean())))
    with torch.no_grad():
        model(inputs)
    return [value / max(seen[0], 1e-30) for value in seen]


def _width(init: Init) -> int:
    return NARROW if init.examples else WIDTH


def picture(name: str, overrides: list[str], config_dir: str | None) -> tuple[Figure, Facts]:
    """A curve per activation, on a logarithmic scale, with the band in which signals neither fade nor grow.

    Raises:
        ConfigError: the command is wrong, or the initialization depends on a network of its own.
    """
    from runner.config.check import check_run
    from runner.config.compose import Command, compose_run

    recipe = check_run(compose_run(Command([f"init={name}", *overrides], config_dir)))
    init = recipe["init"].make()
    if name == "checkpoint":
        raise ConfigError("init/checkpoint: has no picture, as it takes the weights of a network that was trained.")
    figure, (axis,) = canvas(" ".join([f"init={name}", *overrides]), height=3.8, width=7.0)
    axis.axhspan(0.5, 2.0, color="tab:green", alpha=0.15)
    facts: Facts = []
    for activation in ACTIVATIONS:
        values = signal(init, activation)
        shown = [max(value, 1e-20) for value in values]
        axis.plot(range(1, DEPTH + 1), shown, marker=".", label=activation)
        facts.append((activation, f"behind layer {DEPTH} {values[-1]:.3g} times the mean square behind layer 1"))
    axis.set_yscale("log")
    axis.set_xticks(range(2, DEPTH + 1, 2))
    axis.set_xlabel(f"dense layer of {_width(init)} units")
    axis.set_ylabel("mean square of the activations (layer 1: 1)")
    axis.legend(ncols=2, fontsize=8)
    return figure, facts
