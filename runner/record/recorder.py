"""Writes what happens in a run, as it happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from runner.record.files import write_json
from runner.record.folder import RunFolder
from runner.record.tensorboard import TensorBoard

if TYPE_CHECKING:
    from torch import Tensor, nn


class Recorder:
    """The run folder of a run that is going on.

    Args:
        folder: the folder; its ``config.yaml`` is there.
        resume_at: ``(step, epochs completed)`` of the checkpoint that the run continues from; None for a new run.
    """

    def __init__(self, folder: RunFolder, resume_at: tuple[int, int] | None = None) -> None:
        self.folder = folder
        # A checkpoint taken in the last step of an epoch stands before the epoch's end, which then comes once more:
        # TensorBoard has it already, and would show it twice.
        self.shown: set[int] = set()
        if resume_at is not None:
            self.shown = {row["step"] for row in folder.drop_metrics_after(*resume_at) if row["step"] <= resume_at[0]}
            folder.result.unlink(missing_ok=True)
        folder.stop.unlink(missing_ok=True)
        self.tensorboard = TensorBoard(folder.path, None if resume_at is None else resume_at[0] + 1)
        self.handler = logging.FileHandler(folder.log, encoding="utf-8")
        self.handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("runner")
        logger.setLevel(logging.INFO)
        logger.addHandler(self.handler)

    def describe(self, config: str, settings: dict[str, Any], scores: list[str]) -> None:
        """Say once, at the start of a new run, what it is: the config as text, hyperparameters, shared charts.

        Args:
            config: the config file.
            settings: flat hyperparameters, without None.
            scores: names of the validation scores, such as ``val/loss``.
        """
        self.tensorboard.text("config", "```yaml\n" + config + "\n```")
        self.tensorboard.hparams(settings, scores)
        names = [name.removeprefix("val/") for name in scores]
        self.tensorboard.layout({name: [f"train/{name}", f"val/{name}"] for name in names})

    def images(self, tag: str, images: Tensor) -> None:
        """Show images ``(N, C, H, W)``."""
        self.tensorboard.images(tag, images)

    def interval(self, step: int, scores: dict[str, float]) -> None:
        """A log interval ended. The loss of the epoch so far goes by steps, beside the loss of whole epochs."""
        names = {"train/loss": "step/loss"}
        self.tensorboard.scalars(step, {names.get(name, f"step/{name}"): value for name, value in scores.items()})

    def epoch(self, row: dict[str, Any], model: nn.Module | None) -> None:
        """An epoch ended: `row` is its line; histograms of `model` are taken when it is given."""
        self.folder.append_metrics(row)
        step = row["step"]
        scalars = {name: value for name, value in row.items() if name not in ("epoch", "step", "time")}
        if step not in self.shown:
            self.tensorboard.scalars(step, scalars | {"epoch": row["epoch"]})
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

    def stop_request(self) -> str | None:
        """The reason why somebody outside asked this run to stop (``stop.json``), or None."""
        if not self.folder.stop.exists():
            return None
        return str(self.folder.read_json(self.folder.stop).get("reason", "asked to stop"))

    def finish(self, result: dict[str, Any]) -> None:
        """Write ``result.json``, the last file of a run."""
        test = {f"test/{name}": value for name, value in (result.get("test") or {}).items()}
        if test:
            self.tensorboard.scalars(result["step"], test)
        self.tensorboard.flush()
        self.folder.sync_metrics()
        self.folder.update_manifest(status=result["status"])
        write_json(self.folder.result, result)

    def close(self) -> None:
        """Let go of the files."""
        self.tensorboard.close()
        logging.getLogger("runner").removeHandler(self.handler)
        self.handler.close()
