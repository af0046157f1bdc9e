"""From ``hydra/launcher=NAME`` to the launcher that runs the trials."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from runner.errors import ConfigError
from runner.sweep.launcher.base import Launcher
from runner.sweep.launcher.batches import BatchLauncher
from runner.sweep.launcher.by_name import ByName
from runner.sweep.launcher.local import LocalLauncher
from runner.sweep.launcher.remote import RemoteLauncher
from runner.sweep.run_trial import Application
from runner.sweep.settings import checked

PLACE = "runner.sweep.launcher."
HYDRAS_OWN = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"  # what is composed where nothing is typed


def make_launcher(
    workers: int, task: TaskFunction, context: HydraContext, config: DictConfig, modules: Sequence[str]
) -> Launcher:
    """The launcher that a sweep's config names; nothing is started yet but local workers' common ancestor.

    Args:
        workers: trials at the same time.
        task: the application's task function.
        context: Hydra's.
        config: the sweep's own config, with the ``hydra`` node.
        modules: what local workers import beforehand.

    Raises:
        ConfigError: it has no such setting, or can't be used here.
    """
    given: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    target = str(given.pop("_target_"))
    if target in (HYDRAS_OWN, f"{PLACE}local.LocalLauncher"):
        _refuse_settings(target, given)
        return LocalLauncher(workers, Application(task, context.callbacks), modules)
    if not target.startswith(PLACE):
        return BatchLauncher(workers, context, task, config)
    module, _, name = target.rpartition(".")
    kind = getattr(importlib.import_module(module), name, None)
    if not (isinstance(kind, type) and issubclass(kind, RemoteLauncher)):
        raise ConfigError(f"hydra.launcher._target_={target}: no launcher. One is chosen as hydra/launcher=ray.")
    options = checked("hydra.launcher", kind, given, supplied=("count", "application"))
    return kind(workers, ByName.of(task, config), **options)


def _refuse_settings(target: str, given: dict[str, Any]) -> None:
    if given:
        raise ConfigError(
            f"hydra.launcher.{next(iter(given))}: hydra/launcher=local has no settings; hydra.sweeper.workers says how "
            "many trials run at the same time."
        )
