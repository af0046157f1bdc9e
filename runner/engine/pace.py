"""Times of a run: when to look at the clock, and what is reported at intervals."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runner.engine.technique import listeners

if TYPE_CHECKING:
    import torch

    from runner.engine.fit import Fit


class Pace:
    """Times of a run: log intervals, epochs, samples per second, the time limit."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self.limit = fit.settings.max_time
        self.since, self.samples = time.perf_counter(), fit.samples()
        self.on_interval = listeners(fit.techniques, "on_interval")
        self.period = min(0.5, fit.settings.checkpoint.every_seconds or 0.5)
        self.next = self.since

    def is_due(self) -> bool:
        """Whether it is time to look at the things that go by the clock. One comparison in most steps."""
        now = time.perf_counter()
        if now < self.next:
            return False
        self.next = now + self.period
        return True

    def time_is_up(self) -> bool:
        """Whether ``trainer.max_time`` is spent."""
        return self.limit is not None and self.fit.seconds() >= self.limit

    def samples_per_second(self) -> float:
        """Training samples per second since the last time this was asked."""
        now, samples = time.perf_counter(), self.fit.samples()
        new, seconds = samples - self.samples, now - self.since
        self.since, self.samples = now, samples
        return new / seconds if seconds > 0 else 0.0

    def interval(self, norm: torch.Tensor | None) -> None:
        """Report a log interval: loss, learning rate, norm of the gradients."""
        fit = self.fit
        scores = {"train/loss": fit.meter.recent(), "samples_per_second": self.samples_per_second()}
        for number, group in enumerate(fit.optimizer.param_groups):
            scores[f"lr/{group.get('name', number)}" if number else "lr"] = group["lr"]
        if norm is not None:
            scores["gradient_norm"] = float(norm)
        for more in self.on_interval:
            scores |= {name: float(value) for name, value in more(fit.state.step).items()}
        fit.recorder.interval(fit.state.step, scores)
        fit.progress.interval(fit, scores)

    def epoch(self, epoch: int, scores: dict[str, float]) -> None:
        """Report the end of an epoch."""
        fit = self.fit
        row: dict[str, Any] = {"epoch": epoch, "step": fit.state.step, "time": round(fit.seconds(), 3), **scores}
        row["lr"] = fit.optimizer.param_groups[0]["lr"]
        if fit.state.skipped:
            row["skipped_steps"] = fit.state.skipped
        every = fit.settings.histograms
        model = fit.model if every and epoch % every == 0 else None
        name = fit.best.monitor.name
        best = {name: fit.best.scores[name]} if fit.best.scores else {}
        fit.recorder.epoch(row, best, model, by_intervals=fit.state.epoch_step >= fit.log_every)
        fit.progress.epoch(fit, row)
        for sentence in fit.recorder.news():
            fit.progress.message(sentence)
