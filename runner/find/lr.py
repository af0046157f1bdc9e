"""The learning-rate range test: the loss while the rate rises from far too small to far too large."""

from __future__ import annotations

import csv
import math
import statistics
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from runner.engine.schedule import By, LearningRate, Plan, Schedule
from runner.errors import ConfigError
from runner.find.trial import Trial, kept, trial

if TYPE_CHECKING:
    from runner.engine.progress import Progress

SMOOTHING = 0.9  # of the moving average of the loss: a memory of ten updates
DIVERGED = 4.0  # times the best loss at which the test ends


class Rise(Schedule):
    """``lr(t) = start * (end / start) ** (t / (steps - 1))``; groups with a rate of their own in proportion."""

    by: By = "step"

    def __init__(self, start: float, end: float, steps: int) -> None:
        self.start, self.end, self.steps = start, end, steps

    def bind(self, total: int, base_lr: float) -> None:
        """Remember the optimizer's rate."""
        self.base = base_lr

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at update `t`."""
        share = base_lr / self.base if self.base else 1.0
        return float(share * self.start * (self.end / self.start) ** (t / (self.steps - 1)))


def moving_average(losses: list[float]) -> list[float]:
    """Exponential moving average with bias correction; each value knows only those before it."""
    average, smoothed = 0.0, []
    for number, loss in enumerate(losses, start=1):
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed.append(average / (1 - SMOOTHING**number))
    return smoothed


@dataclass(frozen=True)
class Curve:
    """What was measured, a value per update.

    Attributes:
        lrs: learning rates, rising.
        losses: mean loss of the update at that rate, before its step.
    """

    lrs: list[float]
    losses: list[float]

    @cached_property
    def smoothed(self) -> list[float]:
        """The mean of the moving averages from either end: they lag in opposite directions, so it does not."""
        back = moving_average(self.losses[::-1])[::-1]
        return [(a + b) / 2 for a, b in zip(moving_average(self.losses), back, strict=True)]

    def suggestions(self) -> dict[str, float]:
        """Rates by name, the first the one to take; empty when the loss fell nowhere.

        ``valley``: the middle, on a logarithmic axis, of the fall of the smoothed loss, from where a twentieth of it
        is done to where a twentieth is left; ``steepest``: where in it the loss falls fastest; ``minimum/10``: a tenth
        of where it is lowest. A fall counts that is larger than the scatter of single losses: chance makes smaller
        ones out of nothing.
        """
        values = self.smoothed
        lowest = min(range(len(values)), key=values.__getitem__, default=0)
        if lowest < 2 or not self._falls(lowest):
            return {}
        before, highest = values[: lowest + 1], statistics.fmean(values[: len(values) // 10 + 1])
        fall = highest - before[-1]
        first = max(i for i, value in enumerate(before) if value >= highest - 0.05 * fall)
        last = min(i for i, value in enumerate(before) if value <= before[-1] + 0.05 * fall)
        inside = range(max(1, min(first, last)), min(max(first, last), len(values) - 2) + 1)
        steepest = min(inside, key=lambda i: values[i + 1] - values[i - 1], default=lowest)
        return {
            "valley": math.sqrt(self.lrs[first] * self.lrs[last]),
            "steepest": self.lrs[steepest],
            "minimum/10": self.lrs[lowest] / 10,
        }

    def _falls(self, lowest: int) -> bool:
        """Whether the losses about the lowest point are below the first ones by more than the scatter of one loss."""
        part = min(max(20, len(self.losses) // 10), len(self.losses) // 2)
        begin = max(0, min(lowest - part // 2, len(self.losses) - part))
        fall = statistics.fmean(self.losses[:part]) - statistics.fmean(self.losses[begin : begin + part])
        # From differences of neighbours, whose median a diverging end moves little.
        scatter = 1.05 * statistics.median(abs(a - b) for a, b in pairwise(self.losses))
        return fall > scatter + 1e-9 * abs(self.losses[0])

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``curve.csv`` and ``curve.png`` into `folder`, and return them."""
        table, picture = folder / "curve.csv", folder / "curve.png"
        with open(table, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["lr", "loss", "smoothed"])
            writer.writerows(zip(self.lrs, self.losses, self.smoothed, strict=True))
        self._draw(picture)
        return table, picture

    def _draw(self, path: Path) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.lrs, self.losses, color="0.8", linewidth=1, label="loss")
        axes.plot(self.lrs, self.smoothed, color="tab:blue", label="smoothed")
        colours = ("tab:red", "tab:orange", "tab:green")
        for (name, rate), colour in zip(self.suggestions().items(), colours, strict=False):
            axes.axvline(rate, color=colour, linestyle="--", label=f"{name}: {rate:.2g}")
        low, high = min(self.smoothed), max(self.smoothed[: max(2, len(self.smoothed) * 3 // 4)])
        axes.set(xscale="log", xlabel="learning rate", ylabel="training loss")
        axes.set_ylim(low - 0.1 * (high - low), high + 0.5 * (high - low) or None)
        axes.legend()
        axes.grid(alpha=0.3)
        figure.savefig(path, dpi=120)


def find_lr(
    config: DictConfig, start: float = 1e-7, end: float = 10.0, steps: int = 200, progress: Progress | None = None
) -> Curve:
    """Run the test on the network, data, optimizer and techniques that a configuration chooses.

    Args:
        config: composed configuration; its own learning rate, schedule and warm-up play no part.
        start: first rate, above 0.
        end: last rate, above `start`.
        steps: updates from the first to the last, at least 10.
        progress: hears what there is to say about the data.

    Raises:
        ConfigError: the configuration or the range is wrong.
        Interrupted: the user asked to stop.
    """
    if not 0 < start < end < math.inf or steps < 10:
        raise ConfigError(
            f"--start {start:g} --end {end:g} --steps {steps}: expected 0 < start < end and at least 10 steps."
        )
    with trial(config, progress) as tried:
        return range_test(tried, start, end, steps)


def range_test(tried: Trial, start: float, end: float, steps: int) -> Curve:
    """Raise the rate from `start` to `end` in `steps` updates and watch the loss; stop at 4 times the best.

    Weights, optimizer and techniques are afterwards as they were.

    Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3.
    """
    from runner.engine.device import seeder
    from runner.engine.step import Step

    fit, lrs, losses = tried.fit, list[float](), list[float]()
    with kept(fit):
        plan = Plan(steps, 1, steps)
        fit.learning_rate = LearningRate(Rise(start, end, steps), None, plan, fit.optimizer.defaults["lr"])
        fit.network.train()
        step, seed, rise = Step(fit), seeder(fit.device), fit.learning_rate
        for number, update in zip(range(steps), tried.updates(), strict=False):
            seed(fit.state.step_seed())
            step.set_rates()
            results = step.gradients(update)
            loss = sum(float(r.loss) * float(r.units) for r in results) / sum(float(r.units) for r in results)
            if not math.isfinite(loss):
                break
            lrs.append(rise(number, fit.optimizer.defaults["lr"]))
            losses.append(loss)
            smoothed = moving_average(losses)
            best = min(smoothed)
            if smoothed[-1] > best + (DIVERGED - 1) * abs(best):
                break
            step.apply(want_norm=False)
            fit.state.advance()
    return Curve(lrs, losses)
