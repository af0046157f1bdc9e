"""The config of each trial: composed when it is asked for, frozen in its record, and used as it was frozen."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from runner.errors import ConfigError
from runner.sweep.composer import Composer
from runner.sweep.plan import Plan
from runner.sweep.trial import Trial

_OF_HYDRA = re.compile(r"[+~]*(hydra\b|[^=]*@[^=]*\bhydra\b)")


class Configs:
    """Makes the configs of trials.

    Args:
        plan: what the sweep is to do.
        composer: composes them.
    """

    def __init__(self, plan: Plan, composer: Composer) -> None:
        self.plan, self.composer = plan, composer
        self._ahead: dict[tuple[str, ...], DictConfig] = {}
        self._fresh: dict[int, DictConfig] = {}

    def prepare(self, overrides: Sequence[str]) -> None:
        """Compose what will most likely be asked for next; only the last one prepared is kept."""
        if tuple(overrides) not in self._ahead:
            with contextlib.suppress(ConfigError):  # it fails when its turn comes
                self._ahead = {tuple(overrides): self.composer.compose(overrides)}

    def freeze(self, number: int, overrides: Sequence[str]) -> dict[str, Any]:
        """The task's config for a new trial's record; empty where `overrides` can't be composed."""
        config = self._ahead.pop(tuple(overrides), None)
        with contextlib.suppress(ConfigError):  # a combination that was not among those checked: it becomes a row
            config = config or self.composer.compose(overrides)
        if config is None:
            return {}
        self._fresh[number] = config
        frozen: dict[str, Any] = json.loads(_json(_task_config(config)))
        return frozen

    def words(self, number: int) -> str:
        """What ``hydra.sweep.subdir`` calls a run that was just frozen; empty where it says no more than its number.

        The number itself, which keeps folders apart, is left out where the words begin with it. The jobs of other
        applications put their files where it says, beside their records.
        """
        config = self._fresh.get(number) if self.plan.protocol else None
        with contextlib.suppress(ConfigError):  # it was well for the points that were checked
            return "" if config is None else re.sub(rf"^{number}(?!\d)", "", subdir(config, number))
        return ""

    def of(self, trial: Trial, folder: Path) -> DictConfig:
        """The trial's config as it was frozen, whatever became of ``conf/`` since.

        Raises:
            ConfigError: it can't be composed, and there is no record of it.
        """
        config = self._fresh.pop(trial.number, None)
        if config is None:
            try:
                config = self.composer.compose(self._of_task(trial.overrides))
            except ConfigError:
                if not trial.config:
                    raise
                config = copy.deepcopy(self.composer.master)  # an option has gone since: only the hydra node is used
            if trial.config and _json(_task_config(config)) != _json(trial.config):
                config = OmegaConf.create({**trial.config, "hydra": config.hydra})
                OmegaConf.set_struct(config, True)
            master = self.composer.master.hydra
            with open_dict(config.hydra):  # it can start programs, and a record may come from somebody else
                for part in [part for part in master if part not in ("runtime", "overrides", "job")]:
                    config.hydra[part] = copy.deepcopy(master._get_node(part))
                config.hydra.job.env_set, config.hydra.job.chdir = master.job.env_set, master.job.chdir
        config.update(self.plan.commanded)
        with open_dict(config.hydra):
            config.hydra.sweep.dir = str(folder.parents[1])
            if self.plan.protocol or not _chosen_subdir(config):
                config.hydra.sweep.subdir = f"{folder.parent.name}/{folder.name}"
        _number(config, trial.number)
        return config

    def _of_task(self, overrides: Sequence[str]) -> list[str]:
        """What a record says beside Hydra's own part, of which only this sweep's command is believed."""
        return [line for line in overrides if line in self.plan.space.fixed or not _OF_HYDRA.match(line)]


def subdir(config: DictConfig, number: int) -> str:
    """``hydra.sweep.subdir`` of a job with this config, which is given its number.

    Raises:
        ConfigError: it is made of something that has no value.
    """
    _number(config, number)
    hydra = HydraConfig.instance()
    before = hydra.cfg
    hydra.cfg = config  # type: ignore[assignment]  # for the resolver ``hydra:``
    try:
        return str(config.hydra.sweep.subdir)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"hydra.sweep.subdir: {str(error).splitlines()[0].rstrip('.')}. Expected words that every trial has, such "
            "as '${hydra.job.num}' or '${hydra.job.override_dirname}'."
        ) from error
    finally:
        hydra.cfg = before


def _number(config: DictConfig, number: int) -> None:
    with open_dict(config.hydra):
        config.hydra.job.id, config.hydra.job.num = str(number), number


def _task_config(config: DictConfig) -> dict[str, Any]:
    """The config without Hydra's own node, as plain containers; interpolations stay, so no secret is resolved."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=False)  # type: ignore[assignment]
    plain.pop("hydra")
    return plain


def _chosen_subdir(config: DictConfig) -> bool:
    """Whether the application or the command says where a job's own files go, instead of the trial's folder."""
    raw: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    typed: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    return raw["subdir"] != "${hydra.job.num}" or any(str(line).startswith("hydra.sweep.subdir=") for line in typed)


def _json(content: Any) -> str:
    return json.dumps(content, default=str)
