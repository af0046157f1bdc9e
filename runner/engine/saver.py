"""Writing the state of a run, and going back to one."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from runner.engine import checkpoint
from runner.engine.carried import Carrying
from runner.engine.unsaved import UnsavedState
from runner.errors import RunFailed, RunnerError

if TYPE_CHECKING:
    from runner.engine.fit import Fit

log = logging.getLogger(__name__)

_PARTS = "last-"  # how folders begin that hold the weights of a last state in parts


class Saver:
    """Writes the state of a run, rarely enough to cost next to nothing."""

    def __init__(self, fit: Fit) -> None:
        self.fit, self.settings = fit, fit.settings.checkpoint
        self.folder = fit.recorder.folder.checkpoints
        self.at, self.cost = time.perf_counter(), 0.0
        self.unsaved = None if fit.ranks.sharded else UnsavedState(fit)  # which looks at whole tensors

    def is_due(self) -> bool:
        """Whether enough time has passed since the last write."""
        every = self.settings.every_seconds
        return every is not None and time.perf_counter() - self.at >= max(every, 20 * self.cost)

    def keep_epoch(self) -> None:
        """Write ``epoch-NNNN.pt`` after an epoch that is to be kept."""
        every, epoch = self.settings.every_epochs, self.fit.state.epoch
        if every and epoch % every == 0:
            self._check_weights()
            self._write(f"epoch-{epoch:04d}.pt", self.content())

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
            self._write(self._top(entry[1]).name, {**content, **self.fit.about})

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
        self.fit.ranks.average_buffers(self.fit.model)
        self._check_weights()
        content = self.content()
        if self.fit.ranks.main and self.unsaved is not None:
            self.unsaved.check(content)
        self.save_best()
        self.fit.recorder.sync()
        if self.settings.sharded and self.fit.ranks.sharded:
            content = self._in_parts(content)
        self._write("last.pt", content, keep_previous=True)
        self.remove_displaced()
        self._remove_parts()
        self.at = time.perf_counter()
        self.cost = self.at - begin

    def _write(self, name: str, content: dict[str, Any], keep_previous: bool = False) -> None:
        content = self.fit.ranks.whole(content)
        if self.fit.ranks.main:
            checkpoint.save(self.folder / name, content, keep_previous)

    def _in_parts(self, content: dict[str, Any]) -> dict[str, Any]:
        """Write the weights as the ranks hold them, into a folder that ``last.pt``, written behind, names."""
        from runner.engine.ranks import parts

        ranks, step = self.fit.ranks, self.fit.state.step
        number = 0
        while (self.folder / f"{_PARTS}{step:08d}-{number}").exists():
            number += 1
        name = ranks.agreed(f"{_PARTS}{step:08d}-{number}")
        content, own = parts.write(self.folder / name, content, ranks.rank)
        sums = {file: sum_ for each in ranks.gathered(own) for file, sum_ in each.items()}
        return {**content, "parts": name, "sums": sums}

    def _remove_parts(self) -> None:
        """Remove the folders that neither ``last.pt`` nor the one before it names."""
        if not self.fit.ranks.main:
            return
        if found := set(self.folder.glob(f"{_PARTS}*")):
            named = [checkpoint.parts_of(self.folder / name) for name in ("last.pt", "last.pt.previous")]
            for folder in found - {self.folder / name for name in named if name}:
                shutil.rmtree(folder, ignore_errors=True)

    def remove_displaced(self) -> None:
        """Remove the ``top-NNNN.pt`` that are among the best no more."""
        if self.settings.keep_top and self.fit.ranks.main:
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
            **self.fit.about,
        }
        self._write("best.pt", content, keep_previous=True)
        best.saved = True

    def _check_weights(self) -> None:
        ranks = self.fit.ranks
        tensors = [ranks.own_part(p) for p in self.fit.model.state_dict().values() if p.is_floating_point()]
        if not ranks.all(bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())):
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
            "carried": dict(fit.model.carried) if isinstance(fit.model, Carrying) else {},
            "monitor": {**fit.best.monitor.state_dict(), "scores": fit.best.scores, "top": fit.best.top},
            "position": {**fit.state.position(), "seconds": fit.seconds()},
            "ended": fit.state.ended,
            **fit.about,
        }


def restore(fit: Fit, saved: dict[str, Any]) -> None:
    """Put a run back to where a checkpoint was taken.

    Raises:
        RunFailed: the checkpoint belongs to another network.
    """
    difference = checkpoint.difference(fit.model.state_dict(), saved["model"])
    if difference:
        raise RunFailed(f"The checkpoint belongs to another network: {difference}.")
    with _taken(fit, "model"):
        fit.model.load_state_dict(fit.ranks.parted(saved["model"], fit.model.state_dict()))
    chosen = [{key: group.get(key) for key in ("fused", "foreach")} for group in fit.optimizer.param_groups]
    with _taken(fit, "optimizer"):
        fit.optimizer.load_state_dict(fit.ranks.parted_optimizer(fit.optimizer, saved["optimizer"]))
        for group, keys in zip(fit.optimizer.param_groups, chosen, strict=True):
            group.update({key: value for key, value in keys.items() if key in group})  # they belong to the device
    with _taken(fit, "loss"):
        fit.loss.load_state_dict(saved["loss"])
    with _taken(fit, "scaler"):
        fit.precision.load_state_dict(saved["scaler"])
    with _taken(fit, "schedule"):
        fit.learning_rate.schedule.load_state_dict(saved["schedule"])
        if fit.learning_rate.warmup is not None:
            fit.learning_rate.warmup.load_state_dict(saved["warmup"])
    for technique in fit.techniques:
        with _taken(fit, technique.name):
            state = saved["techniques"][technique.name]
            technique.load_state_dict(fit.ranks.parted(state, technique.state_dict() if fit.ranks.sharded else None))
    with _taken(fit, "meter"):
        fit.meter.load_state_dict(saved["meter"], fit.device)
    if isinstance(fit.model, Carrying):
        with _taken(fit, "carried"):
            fit.model.take_back(saved.get("carried", {}), fit.device)
    with _taken(fit, "monitor"):
        fit.best.monitor.load_state_dict(saved["monitor"])
        fit.best.scores, fit.best.top = dict(saved["monitor"]["scores"]), list(saved["monitor"]["top"])
    with _taken(fit, "position"):
        for name, before in fit.state.position().items():
            setattr(fit.state, name, type(before)(saved["position"].get(name, before)))
    fit.state.ended = saved.get("ended")
    _restore_best(fit, saved)


@contextmanager
def _taken(fit: Fit, part: str) -> Iterator[None]:
    """Say which part of a state can't be taken back, and what a user still has.

    Raises:
        RunFailed: whatever a damaged part makes torch or a technique raise.
    """
    try:
        yield
    except RunnerError:
        raise
    except Exception as error:
        folder = fit.recorder.folder.checkpoints
        raise RunFailed(
            f"{folder}: the state that the run would go on from is damaged: its {part} can't be taken back "
            f"({type(error).__name__}: {' '.join(str(error).split())}). {checkpoint.left_in(folder)}"
        ) from error


def _restore_best(fit: Fit, saved: dict[str, Any]) -> None:
    """The weights of the best epoch so far, from wherever they are kept.

    ``best.pt`` may be of a later epoch than the state: it is written first. The one before it is there for that.
    """
    epoch, folder = fit.best.monitor.best_epoch, fit.recorder.folder.checkpoints
    if epoch is None:
        return
    for path in (folder / "best.pt", folder / "best.pt.previous", folder / f"top-{epoch:04d}.pt"):
        try:
            best = checkpoint.load(path, fit.device) if path.exists() else None
        except checkpoint.Damaged as error:
            log.warning("%s", error)
            continue
        of_a_run = best is not None and "optimizer" in best  # a whole state, put in the place of the best weights
        position = best.get("position") if best is not None and not of_a_run else None
        if best is not None and isinstance(position, dict) and position.get("epoch") == epoch and "model" in best:
            fit.best.weights = fit.ranks.parted(best["model"], fit.model.state_dict())
            fit.best.position = position
            fit.best.saved = path.name == "best.pt"
            return
    if fit.ranks.main:
        checkpoint.remove(folder / "best.pt")  # of another epoch: nobody should take it for this run's
    text = f"The best weights so far, of epoch {epoch}, are lost; the best from here on will be kept."
    log.warning("%s", text)
    fit.progress.message(text)
    fit.best.monitor.forget()
    fit.best.scores = {}
