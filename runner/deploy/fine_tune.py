"""A variant that is trained further: an ordinary run that starts from its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf

from runner.config.check import check_run
from runner.config.compose import Command
from runner.config.options import Options
from runner.config.run_config import patch
from runner.deploy.variant import VARIANTS
from runner.record.folder import RunFolder, kept_when_started
from runner.run.commands import new_folder, run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from runner.deploy.parent import Parent
    from runner.engine.progress import Progress


def fine_tune(
    parent: Parent,
    start: Path,
    epochs: int,
    compression: Mapping[str, Mapping[str, Any]],
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Train on from the weights in `start`, as `parent` was trained but for what is said here, and its limits.

    Args:
        parent: whose recipe is followed.
        start: folder whose best weights are taken, or a checkpoint, and the changes of its network with them.
        epochs: how many.
        compression: settings of the techniques of that group, by name; in place of those of the parent.
        overrides: values that differ besides, such as ``optimizer.lr=1e-4``.
        progress: hears of the run's progress.

    Returns:
        The folder of the run, in whose manifest `start` is the parent, and what stands in its ``result.json``.

    Raises:
        ConfigError: a value is wrong; nothing is left behind.
        RunFailed, Interrupted: as of `runner.run.run`; what was interrupted can be resumed.
    """
    config = config_of(parent, start, epochs, compression, overrides)
    with kept_when_started(VARIANTS) as made:
        folder = new_folder(config, VARIANTS, before=(whole := start.resolve()).with_name(f"{whole.name}-tuned"))
        made.append(folder)
        try:
            result = run(config, folder, progress, list(overrides))
        finally:  # also of one that was interrupted, and can be resumed
            place = RunFolder(folder)
            if place.manifest.exists():
                place.update_manifest(parent={"path": str(start), "checkpoint": "best.pt"})
    return folder, result


def config_of(
    parent: Parent,
    start: Path,
    epochs: int,
    compression: Mapping[str, Mapping[str, Any]],
    overrides: Sequence[str] = (),
) -> DictConfig:
    """The checked configuration of such a training; arguments and errors are those of `fine_tune`."""
    config = OmegaConf.create({key: value for key, value in parent.saved["config"].items() if key != "variant"})
    config.trusted_targets = list(parent.network.recipe.trusted)
    config.init = {**_settings("init", "checkpoint"), "path": str(start)}
    config.compression = {
        name: {**_settings("compression", name)[name], **settings} for name, settings in compression.items()
    }
    config.trainer.max_epochs = epochs
    config.trainer.max_steps = config.trainer.max_time = None
    patch(config, Command(list(overrides)))
    check_run(config)
    return config


def _settings(group: str, name: str) -> dict[str, Any]:
    """What stands in the file of an option."""
    content: dict[str, Any] = yaml.safe_load(Options().file(group, name).read_text())
    return content
