"""The learning rate of a whole run, update by update."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from runner.canvas import canvas
from runner.errors import counted
from runner.plots import Facts
from runner.plots.prepared import prepared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from runner.engine.fit import Fit


def curve(fit: Fit) -> tuple[list[float], list[float]]:
    """The rates of all updates, and the momenta where the schedule cycles them (else empty).

    A schedule that hears scores is told the same score after every epoch: the curve of a run that never improves. A
    warm-up that hears norms is told the same norm after every update: the curve of a run with steady gradients.
    """
    import torch

    schedule, warmup, rate = fit.learning_rate.schedule, fit.learning_rate.warmup, fit.learning_rate
    base = fit.optimizer.param_groups[0]["initial_lr"]
    rates, momenta = [], []
    for step in range(fit.plan.total):
        rates.append(rate(step, base))
        if warmup is not None and warmup.hears_norms:
            warmup.on_gradient_norm(torch.ones(()))
        if schedule.cycle_momentum:
            momenta.append(rate.momentum(step))
        if schedule.monitors and (step + 1) % fit.plan.updates_per_epoch == 0:
            schedule.on_epoch_end(dict.fromkeys(fit.directions, 1.0))
    return rates, momenta


def picture(name: str, overrides: list[str], config_dir: str | None, group: str = "scheduler") -> tuple[Figure, Facts]:
    """The curve of the run that the command stands for, its warm-up included.

    Raises:
        ConfigError: the command is wrong.
    """
    with prepared([f"{group}={name}", *overrides], config_dir) as fit:
        rates, momenta = curve(fit)
        plan, warmup, hears = fit.plan, fit.learning_rate.warmup_steps, fit.learning_rate.schedule.monitors
    per_epoch = plan.updates_per_epoch
    title = " ".join([f"{group}={name}", *overrides])
    figure, axes = canvas(title, height=3.8, columns=2 if momenta else 1, width=7.0)
    for axis, values, label in zip(axes, (rates, momenta), ("learning rate", "momentum"), strict=False):
        axis.plot(range(len(values)), values, drawstyle="steps-post")
        axis.set_xlabel(f"update ({per_epoch} per epoch)")
        axis.set_ylabel(label)
        top = axis.secondary_xaxis("top", functions=(partial(_times, 1 / per_epoch), partial(_times, per_epoch)))
        top.set_xlabel("epoch")
        if warmup:
            axis.axvspan(0, warmup, color="tab:orange", alpha=0.15, label="warm-up")
            axis.legend()
    if hears:
        axes[0].set_title("if the monitored score never improved", fontsize=9)
    peak = max(range(len(rates)), key=rates.__getitem__)
    return figure, [
        ("first rate", f"{rates[0]:.4g}"),
        ("highest rate", f"{rates[peak]:.4g} at update {peak} (epoch {peak // per_epoch + 1})"),
        ("last rate", f"{rates[-1]:.4g}"),
        ("updates", f"{plan.total} in {counted(plan.epochs, 'epoch')}, {warmup} of them warm-up"),
    ]


def _times(factor: float, values: Any) -> Any:
    return values * factor
