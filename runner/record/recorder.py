"""Writes what happens in a run, as it happens."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runner.hparams import row_name
from runner.record.files import write_json
from runner.record.folder import RunFolder
from runner.record.stop import StopRequest, discard, find, this_process
from runner.record.tensorboard import TensorBoard

if TYPE_CHECKING:
    from torch import Tensor, nn

# What is told at log intervals and at the ends of epochs goes by one tag.
_TAGS = {"train/loss": "score/loss", "lr": "step/lr"}


class _Log(logging.FileHandler):
    """A log that is no reason to fail, or to complain, where the disk is full: what fails there is told by itself."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class Recorder:
    """The run folder of a run that is going on.

    Args:
        folder: the folder; its ``config.yaml`` is there.
        resume_at: ``(step, epochs completed)`` of the checkpoint that the run continues from, zeros where there is
            none; None for a new run.
    """

    def __init__(self, folder: RunFolder, resume_at: tuple[int, int] | None = None) -> None:
        self.folder = folder
        # A checkpoint taken in the last step of an epoch stands before the epoch's end, which then comes once more:
        # TensorBoard has it already, and would show it twice.
        self.shown: set[int] = set()
        if resume_at is not None:
            self.shown = {row["step"] for row in folder.drop_metrics_after(*resume_at) if row["step"] <= resume_at[0]}
            folder.result.unlink(missing_ok=True)
        self.news: Callable[[], list[str]] = list  # what others have to say of how they follow this run
        start = resume_at[0] + 1 if resume_at and resume_at[0] else 0
        # A chart of TensorBoard shows one tag of several entries: scores of both go by the same tags, side by side.
        self.tensorboard = TensorBoard(folder.path, start)
        self.validation = TensorBoard(folder.path / "val", start)
        self.handler = _Log(folder.log, encoding="utf-8")
        self.handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("runner")
        logger.setLevel(logging.INFO)
        logger.addHandler(self.handler)

    def describe(self, config: str, settings: dict[str, Any]) -> None:
        """Say once, at the start of a new run, what it is.

        Args:
            config: the config file.
            settings: flat hyperparameters, without None.
        """
        self.tensorboard.text("config", "```yaml\n" + config + "\n```")
        self.validation.begin_row(row_name(self.folder.path), settings)

    def images(self, tag: str, images: Tensor) -> None:
        """Show images ``(N, C, H, W)``."""
        self.tensorboard.images(tag, images)

    def interval(self, step: int, scores: dict[str, float]) -> None:
        """A log interval ended."""
        self.tensorboard.scalars(step, {_TAGS.get(name, f"step/{name}"): value for name, value in scores.items()})

    def epoch(
        self, row: dict[str, Any], best: dict[str, float], model: nn.Module | None, by_intervals: bool = False
    ) -> None:
        """An epoch ended.

        Args:
            row: its line in ``metrics.jsonl``.
            best: the monitored score of the best epoch so far, by its name.
            model: histograms of it are taken when it is given.
            by_intervals: whether log intervals have shown the loss and the learning rate of this epoch.
        """
        self.folder.append_metrics(row)
        step = row["step"]
        if step not in self.shown:
            left_out = {"epoch", "step", "time"} | ({"train/loss", "lr"} if by_intervals else set())
            scores = {name: value for name, value in row.items() if name not in left_out}
            ours = {name: value for name, value in scores.items() if not name.startswith("val/")}
            self.tensorboard.scalars(step, {_TAGS.get(n, re.sub("^train/", "score/", n)): v for n, v in ours.items()})
            val = {f"score/{name[4:]}": value for name, value in scores.items() if name.startswith("val/")}
            self.validation.scalars(step, val | {f"best/{n.removeprefix('val/')}": v for n, v in best.items()})
        if model is not None:
            self.weights(step, model)

    def weights(self, step: int, model: nn.Module) -> None:
        """Show the distributions of the weights of `model` and of its last gradients."""
        parameters = dict(model.named_parameters())
        self.histograms(step, {f"weights/{name}": p for name, p in parameters.items()})
        self.histograms(step, {f"gradients/{name}": p.grad for name, p in parameters.items() if p.grad is not None})

    def histograms(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Show the distribution of each tensor's values."""
        self.tensorboard.histograms(tensors, step)

    def sync(self) -> None:
        """Make everything written so far survive a crash."""
        self.folder.sync_metrics()
        self.tensorboard.flush()
        self.validation.flush()

    def stop_request(self) -> StopRequest | None:
        """What somebody outside asks of this run (``stop.json``), or None."""
        return find(self.folder.path)

    def finish(self, result: dict[str, Any]) -> None:
        """Write ``result.json``, the last file of a run."""
        test = {f"test/{name}": value for name, value in (result.get("test") or {}).items()}
        if test:
            self.tensorboard.scalars(result["step"], test)
        if result["status"] in ("completed", "pruned"):
            self.validation.end_row()
        self.tensorboard.flush()
        self.validation.flush()
        self.folder.sync_metrics()
        self.folder.update_manifest(status=result["status"])
        write_json(self.folder.result, result)

    def close(self) -> None:
        """Let go of the files, and of the request to stop that this process was given."""
        discard(self.folder.path, this_process())
        with suppress(OSError):  # `finish` has told of it
            self.tensorboard.close()
            self.validation.close()
        logging.getLogger("runner").removeHandler(self.handler)
        self.handler.close()


class Silent(Recorder):
    """Writes nothing: of the processes of one run, all but the first have it.

    Args:
        folder: the folder that the first process writes into.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.news = list
        logging.getLogger("runner").addHandler(logging.NullHandler())

    def describe(self, config: str, settings: dict[str, Any]) -> None:
        """See `Recorder.describe`."""

    def images(self, tag: str, images: Tensor) -> None:
        """See `Recorder.images`."""

    def interval(self, step: int, scores: dict[str, float]) -> None:
        """See `Recorder.interval`."""

    def epoch(
        self, row: dict[str, Any], best: dict[str, float], model: nn.Module | None, by_intervals: bool = False
    ) -> None:
        """See `Recorder.epoch`."""

    def weights(self, step: int, model: nn.Module) -> None:
        """See `Recorder.weights`."""

    def histograms(self, step: int, tensors: dict[str, Tensor]) -> None:
        """See `Recorder.histograms`."""

    def sync(self) -> None:
        """See `Recorder.sync`."""

    def stop_request(self) -> None:
        """See `Recorder.stop_request`: the first process looks."""

    def finish(self, result: dict[str, Any]) -> None:
        """See `Recorder.finish`."""

    def close(self) -> None:
        """See `Recorder.close`."""
