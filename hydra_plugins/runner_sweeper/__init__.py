"""Registers the sweeper and its options, so that any Hydra application has ``hydra/sweeper=bayes``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra._internal.core_plugins import file_config_source
from hydra.core.config_search_path import ConfigSearchPath
from hydra.errors import CompactHydraException
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from runner.errors import ConfigError, Interrupted, RunFailed, RunnerError
from runner.streams import dropped_when_gone


class RunnerSearchPath(SearchPathPlugin):
    """Puts the options ``hydra/sweeper=grid`` and so on into every application's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folder ``conf`` beside this file."""
        search_path.append("runner-sweeper", f"{SweeperOptions.scheme()}://{Path(__file__).parent / 'conf'}")


class SweeperOptions(file_config_source.FileConfigSource):
    """Our option files, left open: a key that they do not have reaches the sweeper, whose refusal names the right one.

    Hydra's own refusal of ``hydra.sweeper.n_jobs=2`` advises ``+hydra.sweeper.n_jobs=2``, which is as wrong.
    """

    @staticmethod
    def scheme() -> str:
        """The first part of their addresses."""
        return "runner-sweeper"

    def load_config(self, config_path: str) -> ConfigResult:
        """Read a file."""
        found = super().load_config(config_path)
        OmegaConf.set_struct(found.config, False)
        return found


class RunnerSweeper(Sweeper):
    """Hydra's door to `runner.sweep`; nothing heavy is imported before a sweep starts.

    Args:
        sampler: ``_target_`` and arguments of a `runner.sweep.samplers.Sampler`.
        pruner: name of a pruner, or a mapping with ``name`` and its arguments.
        settings: as in `runner.sweep.settings.Settings`.
    """

    def __init__(self, sampler: Any, pruner: Any = "none", **settings: Any) -> None:
        self.sampler, self.pruner, self.settings = sampler, pruner, settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep; returns the content of its ``result.json``."""
        try:
            with dropped_when_gone():
                return self._sweep(arguments)
        except RunnerError as error:
            # Hydra prints errors of its own kind without a traceback.
            kinds = {ConfigError: _Refused, RunFailed: _Failed, Interrupted: _Stopped}
            ours = next(ours for kind, ours in kinds.items() if isinstance(error, kind))(str(error))
            ours.exit_code = error.exit_code
            raise ours from None

    def _sweep(self, arguments: list[str]) -> Any:
        from runner.sweep.composer import as_typed
        from runner.sweep.habits import refuse_choice, refuse_unknown
        from runner.sweep.launcher.choice import make_launcher
        from runner.sweep.settings import Settings, check_storage, make_pruner, make_sampler

        assert self.config is not None
        assert self.hydra_context is not None
        hydra = self.config.hydra
        raw = OmegaConf.to_container(hydra.sweeper, resolve=False)
        assert isinstance(raw, dict)
        check_storage(raw["storage"])
        refuse_unknown(raw)
        for override in as_typed(hydra.overrides.hydra):
            refuse_choice(override)
        settings = {key: _plain(value) for key, value in self.settings.items()}
        for name in ("objectives", "directions"):
            if isinstance(settings[name], str):
                settings[name] = [settings[name]]
            settings[name] = settings[name] or []
        made = Settings(**{**settings, "params": settings["params"] or {}, "enqueue": settings["enqueue"] or []})
        sampler, pruner, task = make_sampler(_plain(self.sampler)), make_pruner(_plain(self.pruner)), self.task_function
        modules = () if made.dry_run else getattr(getattr(task, "sweep_protocol", None), "modules", ())
        # Trials are forked from the application as it is here, before Optuna and the like are there.
        launcher = make_launcher(made.workers, task, self.hydra_context, self.config, modules)
        try:
            from runner.sweep.sweep import Sweep

            return Sweep(made, sampler, pruner, self.hydra_context, task, self.config, launcher).run(arguments)
        finally:
            launcher.close()


class _Refused(ConfigError, CompactHydraException):
    pass


class _Failed(RunFailed, CompactHydraException):
    pass


class _Stopped(Interrupted, CompactHydraException):
    pass


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
