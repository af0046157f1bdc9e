"""The training loop: everything that happens between the first update and the last, in order."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from runner.engine import checkpoint
from runner.engine.device import seeder
from runner.engine.evaluate import evaluate, evaluate_others
from runner.engine.fit import Fit
from runner.engine.meter import Meter
from runner.engine.step import Step
from runner.engine.technique import listeners
from runner.engine.unsaved import UnsavedState
from runner.errors import RunFailed

Status = Literal["completed", "pruned", "failed", "interrupted"]


@dataclass(frozen=True)
class Outcome:
    """How training ended; `cause` says why, in words, where it did not simply reach its end."""

    status: Status
    cause: str | None = None


def train(fit: Fit) -> Outcome:
    """Train from the current position to the end, or to a reason to stop earlier.

    Raises:
        NonFinite: the loss was not finite; the last good checkpoint stays.
    """
    state, plan, settings = fit.state, fit.plan, fit.settings
    step, saver, pace, seed = Step(fit), Saver(fit), Pace(fit), seeder(fit.device)
    on_epoch_start = listeners(fit.techniques, "on_epoch_start")
    epoch_scores = listeners(fit.techniques, "epoch_scores")
    on_epoch_end = listeners(fit.techniques, "on_epoch_end")
    val_meter = Meter(fit.task, fit.meter.metrics)

    # An epoch that was left between its last update and its end is closed, also where no update is to come.
    while state.epoch < plan.epochs and (state.step < plan.total or state.epoch_step):
        fit.network.train()
        for hear in on_epoch_start:
            hear(state.epoch + 1)
        log_every = fit.log_every
        for update in fit.train.updates(state.epoch, state.epoch_step) if state.step < plan.total else ():
            seed(state.step_seed())
            step.set_rates()
            results = step.gradients(update)
            logging = (state.epoch_step + 1) % log_every == 0
            norm = step.apply(want_norm=logging)
            state.advance()
            if not step.left_out:
                fit.meter.add(results, state.step)
            if logging:
                fit.meter.check()
                fit.meter.fold()
                pace.interval(norm)
            if state.step >= plan.total or fit.interrupt.requested:
                break
            if pace.is_due():  # about twice a second
                fit.progress.step(fit)
                if saver.is_due():
                    saver.save()
                if pace.time_is_up():
                    break

        if fit.interrupt.requested:
            saver.save()
            return Outcome("interrupted", fit.interrupt.requested)
        ends_here = state.step >= plan.total or pace.time_is_up()
        if ends_here:  # before the epoch is closed: with later limits the run goes on in its middle
            saver.save()

        epoch = state.epoch + 1
        scores = {f"train/{name}": value for name, value in fit.meter.read().items()}
        with fit.evaluating():
            if ends_here or epoch % settings.eval_every == 0 or epoch == plan.epochs:
                val = evaluate(fit.network, fit.val, val_meter, fit.loss, fit.precision)
                val |= evaluate_others(fit, "val", fit.val, val_meter)
                scores |= {f"val/{name}": value for name, value in val.items()}
            for more in epoch_scores:
                scores |= more(scores)
            fit.best.update(fit.model, scores, state)
            saver.keep_top(scores)
        if fit.learning_rate.schedule.monitors:
            fit.learning_rate.schedule.on_epoch_end(scores)
        reasons = [reason for hear in on_epoch_end if (reason := hear(epoch, scores))]
        pace.epoch(epoch, scores)
        state.samples = fit.samples()
        state.next_epoch()
        fit.meter.reset()

        saver.keep_epoch()
        if ends_here:
            saver.save_best()
            saver.remove_displaced()
            return Outcome("completed", None if state.step >= plan.total else "max_time")
        stop = fit.recorder.stop_request()
        if reasons or stop:
            saver.save()
            return Outcome("completed", reasons[0]) if reasons else Outcome("pruned", stop)
        if saver.is_due():
            saver.save()
    saver.save()
    return Outcome("completed")


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
        fit.recorder.epoch(row, fit.model if every and epoch % every == 0 else None)
        fit.progress.epoch(fit, row)


class Saver:
    """Writes the state of a run, rarely enough to cost next to nothing."""

    def __init__(self, fit: Fit) -> None:
        self.fit, self.settings = fit, fit.settings.checkpoint
        self.folder = fit.recorder.folder.checkpoints
        self.at, self.cost = time.perf_counter(), 0.0
        self.unsaved = UnsavedState(fit)

    def is_due(self) -> bool:
        """Whether enough time has passed since the last write."""
        every = self.settings.every_seconds
        return every is not None and time.perf_counter() - self.at >= max(every, 20 * self.cost)

    def keep_epoch(self) -> None:
        """Write ``epoch-NNNN.pt`` after an epoch that is to be kept."""
        every, epoch = self.settings.every_epochs, self.fit.state.epoch
        if every and epoch % every == 0:
            self._check_weights()
            checkpoint.save(self.folder / f"epoch-{epoch:04d}.pt", self.content())

    def keep_top(self, scores: dict[str, float]) -> None:
        """Write ``top-NNNN.pt`` after an epoch that is among the best so far.

        Those it displaces go with the next ``last.pt``: until then a resumed run would want them back.
        """
        keep, best, state = self.settings.keep_top, self.fit.best, self.fit.state
        value = scores.get(best.monitor.name, math.nan)
        if not keep or math.isnan(value):
            return
        sign, entry = 1 if best.monitor.direction == "min" else -1, (value, state.epoch + 1)
        best.top = sorted([*best.top, entry], key=lambda e: (sign * e[0], e[1]))[:keep]
        if entry in best.top:
            self._check_weights()
            position = {**state.position(), "epoch": entry[1], "epoch_step": 0}
            content = {"model": self.fit.model.state_dict(), "scores": scores, "position": position}
            checkpoint.save(self._top(entry[1]), {**content, "config": self.fit.config})

    def _top(self, epoch: int) -> Path:
        return self.folder / f"top-{epoch:04d}.pt"

    def save(self) -> None:
        """Write ``best.pt`` where it changed, then ``last.pt``, which relies on it and on the metrics so far.

        Raises:
            NonFinite: a loss since the last reading was not finite; nothing is written.
            RunFailed: the weights are not finite, or a part of the run forgets its state; nothing is written.
        """
        begin = time.perf_counter()
        self.fit.meter.check()
        self._check_weights()
        content = self.content()
        self.unsaved.check(content)
        self.save_best()
        self.fit.recorder.sync()
        checkpoint.save(self.folder / "last.pt", content, keep_previous=True)
        self.remove_displaced()
        self.at = time.perf_counter()
        self.cost = self.at - begin

    def remove_displaced(self) -> None:
        """Remove the ``top-NNNN.pt`` that are among the best no more."""
        if self.settings.keep_top:
            kept = {self._top(epoch) for _, epoch in self.fit.best.top}
            for path in set(self.folder.glob("top-*.pt")) - kept:
                checkpoint.remove(path)

    def save_best(self) -> None:
        """Write ``best.pt``, unless it is up to date."""
        best = self.fit.best
        if best.saved or best.weights is None:
            return
        content = {
            "model": best.weights,
            "monitor": {"name": best.monitor.name, **best.monitor.state_dict()},
            "scores": best.scores,
            "position": best.position,
            "config": self.fit.config,
        }
        checkpoint.save(self.folder / "best.pt", content)
        best.saved = True

    def _check_weights(self) -> None:
        tensors = [p for p in self.fit.model.state_dict().values() if p.is_floating_point()]
        if not bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all()):
            raise RunFailed(f"non-finite weights after step {self.fit.state.step}")

    def content(self) -> dict[str, Any]:
        """The state of the run: what `restore` takes back."""
        fit = self.fit
        return {
            "model": fit.model.state_dict(),
            "optimizer": fit.optimizer.state_dict(),
            "loss": fit.loss.state_dict(),
            "scaler": fit.precision.state_dict(),
            "schedule": fit.learning_rate.schedule.state_dict(),
            "warmup": fit.learning_rate.warmup.state_dict() if fit.learning_rate.warmup else {},
            "techniques": {technique.name: technique.state_dict() for technique in fit.techniques},
            "meter": fit.meter.state_dict(),
            "monitor": {**fit.best.monitor.state_dict(), "scores": fit.best.scores, "top": fit.best.top},
            "position": {**fit.state.position(), "seconds": fit.seconds()},
            "config": fit.config,
        }


def restore(fit: Fit, saved: dict[str, Any]) -> None:
    """Put a run back to where a checkpoint was taken.

    Raises:
        RunFailed: the checkpoint belongs to another network.
    """
    difference = checkpoint.difference(fit.model.state_dict(), saved["model"])
    if difference:
        raise RunFailed(f"The checkpoint belongs to another network: {difference}.")
    fit.model.load_state_dict(saved["model"])
    chosen = [{key: group.get(key) for key in ("fused", "foreach")} for group in fit.optimizer.param_groups]
    fit.optimizer.load_state_dict(saved["optimizer"])
    for group, keys in zip(fit.optimizer.param_groups, chosen, strict=True):
        group.update({key: value for key, value in keys.items() if key in group})  # they belong to the device
    fit.loss.load_state_dict(saved["loss"])
    fit.precision.load_state_dict(saved["scaler"])
    fit.learning_rate.schedule.load_state_dict(saved["schedule"])
    if fit.learning_rate.warmup is not None:
        fit.learning_rate.warmup.load_state_dict(saved["warmup"])
    for technique in fit.techniques:
        technique.load_state_dict(saved["techniques"][technique.name])
    fit.meter.load_state_dict(saved["meter"], fit.device)
    fit.best.monitor.load_state_dict(saved["monitor"])
    fit.best.scores, fit.best.top = saved["monitor"]["scores"], saved["monitor"]["top"]
    for name, value in saved["position"].items():
        setattr(fit.state, name, value)
