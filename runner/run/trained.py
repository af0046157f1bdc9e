"""A trained network, from its checkpoint alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.limits import limit_reached
from runner.errors import ConfigError, RunFailed, RunnerError
from runner.record.folder import RunFolder

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from runner.config.recipe import Recipe
    from runner.engine.batch import Batch
    from runner.engine.loss import Loss
    from runner.engine.spec import Spec
    from runner.engine.task import Task
    from runner.engine.transform import Transform
    from runner.model.changes import Change


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with all that is needed to use it: nothing of the data, nor of the rest of its run folder.

    Attributes:
        model: in evaluation mode.
        task: turns outputs into predictions.
        loss: what was minimized.
        transform: from raw examples to inputs, as fitted in training; None where the data have no raw form.
        recipe: what it was made from.
        device: where it is.
        fingerprint: of the data that it was trained with.
        sizes: examples in each part of them.
        changes: what was done to the network that the recipe builds.
    """

    model: torch.nn.Module
    task: Task
    loss: Loss
    transform: Transform | None
    recipe: Recipe
    device: torch.device
    fingerprint: str
    sizes: dict[str, int]
    changes: tuple[Change, ...] = ()

    @property
    def spec(self) -> Spec:
        """Facts about the data that it was trained with."""
        return self.task.spec

    @property
    def context(self) -> int | None:
        """Tokens that it may look back at when a text is generated; None: all."""
        from runner.model.base import Network

        return self.model.context if isinstance(self.model, Network) else None

    @property
    def batch_size(self) -> int:
        """Examples that are looked at together, as many as evaluation does."""
        size = self.recipe.data.batch_size
        return 4 * (self.sizes["train"] if size == "full" else size)

    def recipe_at(self, overrides: Sequence[str]) -> Recipe:
        """Its recipe with what says where the data are now: ``data.path=FILE``, ``data.root=FOLDER``."""
        return recipe_at(self.recipe, overrides)

    def outputs(self, batch: Batch) -> Tensor:
        """What the network gives for a batch, in the number format of the run, on the CPU."""
        import torch

        from runner.engine.precision import Precision

        precision = Precision(self.recipe.trainer.precision, self.device)
        batch = batch.to(self.device)
        outputs: Tensor
        with torch.inference_mode():
            if precision.dtype is None:
                outputs = self.model(batch.inputs, **batch.more)
            else:
                with precision.autocast():
                    outputs = self.model(batch.inputs, **batch.more)
        return outputs.float().cpu()

    def predict(self, raw: Any) -> list[dict[str, Any]]:
        """Predictions for raw examples: one dict each, of plain values, as `Task.rows` gives them.

        Args:
            raw: examples in the form that `transform` takes: rows of a table, images, texts.

        Raises:
            ConfigError: the data of this network have no raw form.
        """
        if self.transform is None:
            raise ConfigError("predict: the data of this run have no raw form that could be given to it.")
        batch = self.transform.batch(raw)
        return self.task.rows_of(self.outputs(batch), batch)


def recipe_at(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """A recipe with what says where the data are now; see `TrainedNetwork.recipe_at`."""
    from omegaconf import OmegaConf

    from runner.config.check import resolved
    from runner.config.compose import Command
    from runner.config.recipe import Recipe
    from runner.config.run_config import patch

    config = OmegaConf.create(recipe.values)
    patch(config, Command(list(overrides)))
    return Recipe(resolved(config))


def load(
    folder: str | Path, checkpoint: str = "best", device: str = "cpu", trusted_targets: list[str] | None = None
) -> TrainedNetwork:
    """The trained network of a run. The data need not be there.

    Args:
        folder: the run folder, wherever it was moved, or a checkpoint file.
        checkpoint: ``best``, ``last``, another one of the run (``epoch-0010``, ``top-0003``), or the path of a file.
        device: where the network is wanted.
        trusted_targets: modules of your own that the run's config names, and exported files of your own that hold
            code (``model.pt2``).

    Raises:
        ConfigError: there is no such checkpoint, or it names code that is not trusted.
        RunFailed: the checkpoint is damaged or belongs to another network.
    """
    from runner.engine import checkpoint as files
    from runner.engine.device import choose_device

    path = Path(folder) if os.path.isfile(folder) else find(RunFolder.existing(folder), checkpoint)
    where = choose_device(device)
    saved = files.load(path, where)
    if "members" not in saved:
        return network_in(saved, path, where, trusted_targets)
    from runner.run.ensemble import read

    return read(saved, path, lambda member: network_in(member, path, where, trusted_targets))


# What the checkpoint of a network holds at least.
_CONTENT: dict[str, Any] = {"config": dict, "spec": dict, "transform": dict | None, "data": dict, "model": dict}


def refuse_damaged(saved: dict[str, Any], path: Path) -> None:
    """Refuse the content of a checkpoint that is no network's.

    Raises:
        RunFailed: something is missing in it, or of another kind.
    """
    lacking = [name for name, kind in _CONTENT.items() if name not in saved or not isinstance(saved[name], kind)]
    if lacking:
        raise RunFailed(f"{path}: damaged, what it says of {', '.join(lacking)} is missing or of another kind.")


def network_in(
    saved: dict[str, Any], path: Path, where: torch.device, trusted_targets: list[str] | None = None
) -> TrainedNetwork:
    """The trained network that the content of a checkpoint describes.

    Args:
        saved: the content.
        path: of its file, for messages.
        where: the device.
        trusted_targets: as of `load`.

    Raises:
        RunFailed: something is missing in it; its weights or its vocabulary belong to another network, or what it says
            of raw data is damaged.
    """
    refuse_damaged(saved, path)
    try:
        return _network_in(saved, path, where, trusted_targets)
    except RunnerError:
        raise
    except Exception as error:  # whatever values of another kind make a class raise
        if limit_reached(error):
            raise
        raise RunFailed(
            f"{path}: its network can't be built again ({type(error).__name__}: {' '.join(str(error).split())}): what "
            "it says of itself is damaged, or the code has changed since."
        ) from error


def _network_in(
    saved: dict[str, Any], path: Path, where: torch.device, trusted_targets: list[str] | None
) -> TrainedNetwork:
    from runner.config.build import build_loss, build_model, build_task
    from runner.config.targets import check_trusted
    from runner.config.trained_network import recipe_in
    from runner.data.text.tokenizer import Tokenizer
    from runner.engine import checkpoint as files
    from runner.engine.spec import Spec
    from runner.features.base import WithFeatures
    from runner.model.changes import changes_in
    from runner.run.assembly import features

    recipe = recipe_in(saved, trusted_targets or ())
    spec = Spec.from_plain(saved["spec"])
    if "." in (spec.task or ""):  # a class of one's own, named by its data
        check_trusted({"_target_": spec.task}, "task", recipe.trusted)
    loss = build_loss(recipe, spec)
    task = build_task(recipe, spec, loss)
    changes = tuple(changes_in(saved, path))
    if exported := saved.get("exported"):
        from runner.model.exported import open_exported

        model: torch.nn.Module = open_exported(exported, path.absolute().parent.parent, recipe.trusted)
    else:
        model = build_model(recipe, task.spec, changes).to(where)
        difference = files.difference(model.state_dict(), saved["model"])
        if difference:
            raise RunFailed(f"{path}: belongs to another network than its config describes: {difference}.")
        model.load_state_dict(saved["model"])
    transform = None
    if saved["transform"] is not None:
        transform = recipe.data.transform()
        assert transform is not None
        if steps := features(recipe):
            transform = WithFeatures(transform, steps)
        try:
            transform.load_state_dict(saved["transform"])
        except RunnerError:
            raise
        except Exception as error:  # whatever a damaged state makes a library raise
            raise RunFailed(
                f"{path}: its state of the transform from raw data is damaged ({type(error).__name__}: {error})."
            ) from error
        if isinstance(transform, Tokenizer) and spec.inputs and len(transform.vocabulary) != spec.inputs.size:
            raise RunFailed(
                f"{path}: its vocabulary has {len(transform.vocabulary):,} entries, and its network is given "
                f"{spec.inputs.size:,}: they do not belong together."
            )
    data = saved["data"]
    model.eval()
    return TrainedNetwork(model, task, loss, transform, recipe, where, data["fingerprint"], data["sizes"], changes)


def find(place: RunFolder, checkpoint: str) -> Path:
    """The file of a checkpoint that was named on the command line.

    Raises:
        ConfigError: there is none.
    """
    named = place.checkpoints / f"{checkpoint}.pt"
    path = (
        named
        if os.path.isfile(named) or ("/" not in checkpoint and not checkpoint.endswith(".pt"))
        else Path(checkpoint)
    )
    if not os.path.isfile(path):
        there = [p.stem for p in sorted(place.checkpoints.glob("*.pt"))]
        raise ConfigError(
            f"--checkpoint {checkpoint}: there is no {path}. Expected a file, or one of this run's: "
            f"{', '.join(there) or 'it has none yet'}."
        )
    return path
