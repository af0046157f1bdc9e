"""How a sweep speaks with our own runs: what `runner.sweep.protocol.SweepProtocol` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from omegaconf import DictConfig

Goal = Literal["minimize", "maximize"]

# What a run says of itself in result.json, beside its scores.
OF_THE_RUN: dict[str, Goal] = {"samples_per_second": "maximize", "seconds": "minimize", "parameters": "minimize"}


def config_dir_of(hydra: Any) -> str | None:
    """The folder of the user's own options (``--config-dir``), from Hydra's part of the config."""
    paths = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return str(paths[0]).removeprefix("file://") if paths else None


class Trials:
    """Runs as the trials of a sweep."""

    commanded = ("trusted_targets",)
    modules = ("torch", "runner.run", "runner.config.build", "runner.engine.loop", "runner.record.recorder")

    def check(self, cfg: DictConfig) -> None:
        """Check a trial's config without loading data."""
        from runner.config.check import check_run
        from runner.config.compose import settle

        settle(cfg)
        check_run(cfg)

    def objectives(self, cfg: DictConfig, names: Sequence[str]) -> dict[str, Goal]:
        """The scores `names`, or the monitored one, and their directions.

        Raises:
            ConfigError: no run reports such a score.
        """
        from runner.engine.monitor import canonical
        from runner.metric import all_metrics

        goals: dict[str, Goal] = {"min": "minimize", "max": "maximize"}
        known = {f"{split}/loss": "min" for split in ("train", "val")}
        known |= {f"{split}/{m.name}": m.direction for split in ("train", "val") for m in all_metrics().values()}
        found: dict[str, Goal] = {}
        for name in map(canonical, names or [cfg.monitor]):
            if name in OF_THE_RUN:
                found[name] = OF_THE_RUN[name]
            elif name in known:
                monitored = name == canonical(cfg.monitor) and cfg.mode != "auto"
                found[name] = goals[cfg.mode if monitored else known[name]]
            else:
                scores = [*known, *OF_THE_RUN]
                raise ConfigError(
                    f"hydra.sweeper.objectives: no run reports {name!r}.{did_you_mean(name, scores)} "
                    f"There are: {', '.join(scores)}."
                )
        return found

    def run(self, cfg: DictConfig, folder: Path, resume: bool) -> None:
        """Train in `folder`, from its checkpoint if there is one. The test split is left alone."""
        from hydra.core.hydra_config import HydraConfig

        from runner import run as runs
        from runner.config.compose import as_typed, settle

        if resume and (folder / "config.yaml").exists():
            runs.resume(folder, trusted_targets=list(cfg.trusted_targets), test=False)
            return
        settle(cfg)
        hydra = HydraConfig.get()
        overrides = as_typed(hydra.overrides.task)
        runs.run(cfg, folder, overrides=overrides, config_dir=config_dir_of(hydra), test=False)

    def test(self, folder: Path) -> dict[str, Any]:
        """Scores of the winner on the test split."""
        from runner.run import evaluate_run

        return evaluate_run(folder, "test")
