"""An activation, its slope, and what follows from them."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from runner.canvas import canvas
from runner.errors import ConfigError, did_you_mean
from runner.model.layers.activation import ACTIVATIONS
from runner.plots import Facts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curve(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """``f(x)`` and ``f'(x)`` in float64.

    Raises:
        ConfigError: there is no such activation, or it does not act on each value by itself.
    """
    if name not in ACTIVATIONS:
        raise ConfigError(
            f"activation/{name}: no such activation.{did_you_mean(name, ACTIVATIONS)} "
            f"Activations: {', '.join(ACTIVATIONS)}."
        )
    module = ACTIVATIONS[name].build().double()
    leaf = x.double().requires_grad_()
    y = module(leaf)
    alone = torch.cat([module(leaf[:1]), module(leaf[-1:])])
    if not torch.allclose(alone, torch.cat([y[:1], y[-1:]])):
        raise ConfigError(f"activation/{name}: has no curve, as it acts on all units of a layer together.")
    (slope,) = torch.autograd.grad(y.sum(), leaf)
    return y.detach(), slope


def facts(name: str) -> Facts:
    """Range, mean output, smoothness and monotony, all measured on the function itself."""
    wide = torch.linspace(-1000, 1000, 2_000_001)
    y, slope = curve(name, wide)
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    outputs, _ = curve(name, torch.from_numpy(nodes))
    mean = float(outputs @ torch.from_numpy(weights)) / math.sqrt(2 * math.pi)
    fine = torch.linspace(-10, 10, 200_001)
    _, near = curve(name, fine)
    jump = float(near.diff().abs().max())
    return [
        ("range", f"{_bound(float(y.min()), float(y[0]))} to {_bound(float(y.max()), float(y[-1]))}"),
        ("slopes", f"{float(slope.min()):.4g} to {float(slope.max()):.4g}"),
        ("zero-centred", f"{'yes' if abs(mean) < 0.01 else 'no'} (mean output {mean:.3f} for N(0, 1) inputs)"),
        ("smooth", "yes" if jump < 0.01 else f"no (its slope jumps by {jump:.3g})"),
        ("monotonic", "yes" if float(slope.min()) >= 0 else "no"),
    ]


def _bound(extreme: float, at_the_end: float) -> str:
    """A bound of the range; where it lies at the end of a very wide interval and is far out, there is none."""
    if extreme == at_the_end and abs(extreme) > 5:
        return "∞" if extreme > 0 else "-∞"
    return f"{0.0 if abs(extreme) < 1e-12 else extreme:.4g}"


def cost(name: str, rounds: int = 9) -> float:
    """CPU time of a forward and backward pass over a million values on one thread, as a multiple of relu's.

    The median over rounds in which the two are timed in turn, so that other work on the machine counts little.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        module, relu = ACTIVATIONS[name].build(), nn.ReLU()
        ratios = [_seconds(module) / _seconds(relu) for _ in range(rounds + 1)]
    finally:
        torch.set_num_threads(threads)
    return statistics.median(ratios[1:])  # the first round warms up


def _seconds(module: nn.Module) -> float:
    x = torch.randn(1000, 1000).requires_grad_()
    begin = time.process_time()
    module(x).sum().backward()
    return time.process_time() - begin


def picture(name: str, overrides: list[str], config_dir: str | None) -> tuple[Figure, Facts]:
    """F and f' on [-6, 6].

    Raises:
        ConfigError: there is no such activation, it has no curve, or overrides were given.
    """
    if overrides:
        raise ConfigError(f"{overrides[0]}: an activation is drawn by itself. Leave it out.")
    x = torch.linspace(-6, 6, 1201)
    y, slope = curve(name, x)
    known = [*facts(name), ("cost", f"{cost(name):.2g} times relu's (CPU time of forward and backward, measured here)")]
    figure, (axis,) = canvas(name, height=3.8, width=6.0)
    axis.axhline(0, color="0.6", linewidth=0.8)
    axis.axvline(0, color="0.6", linewidth=0.8)
    axis.plot(x.numpy(), y.numpy(), linewidth=2, label="f(x)")
    axis.plot(x.numpy(), slope.numpy(), linewidth=1.5, linestyle="--", label="f'(x)")
    low, high = float(torch.min(y.min(), slope.min())), float(torch.max(y.max(), slope.max()))
    axis.set_ylim(max(low, -3.0) - 0.3, min(high, 4.0) + 0.3)
    axis.set_xlabel("x")
    axis.legend()
    figure.supxlabel("; ".join(f"{key}: {value.partition(' (')[0]}" for key, value in known), fontsize=7)
    return figure, known
