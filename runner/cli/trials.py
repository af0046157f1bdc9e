"""How a sweep speaks with our own runs: what `runner.sweep.sweep_protocol.SweepProtocol` asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from omegaconf import DictConfig

Goal = Literal["minimize", "maximize"]
GOALS: dict[str, Goal] = {"min": "minimize", "max": "maximize"}


def config_dir_of(hydra: Any) -> str | None:
    """The folder of the user's own options (``--config-dir``), from Hydra's part of the config."""
    paths = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return str(paths[0]).removeprefix("file://") if paths else None


class Trials:
    """Runs as the trials of a sweep."""

    commanded: tuple[str, ...] = ("trusted_targets",)
    modules: tuple[str, ...] = (
        "torch",
        "runner.run.training",
        "runner.config.build",
        "runner.engine.loop",
        "runner.record.recorder",
    )

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
        from runner.analysis.directions import OF_THE_RUN
        from runner.config.check import check_score, resolved, scores_of
        from runner.config.recipe import Recipe

        recipe = Recipe(resolved(cfg))
        scores = scores_of(recipe, recipe.data.probe().task)
        mode, monitor = recipe.values["mode"], check_score("monitor", recipe.values["monitor"], scores)
        found: dict[str, Goal] = {}
        for given in names or [monitor]:
            name = check_score("hydra.sweeper.objectives", given, [*scores, *OF_THE_RUN])
            if name in OF_THE_RUN:
                found[name] = GOALS[OF_THE_RUN[name]]
            else:
                found[name] = GOALS[mode if name == monitor and mode != "auto" else scores[name]]
        return found

    def whole_numbers_only(self, cfg: DictConfig, key: str) -> bool:
        """Whether the class that `key` belongs to takes no other numbers."""
        from runner.config.check import hint_of, resolved
        from runner.config.recipe import Recipe
        from runner.config.signature import whole_numbers_only

        return whole_numbers_only(hint_of(Recipe(resolved(cfg)), key))

    def run(self, cfg: DictConfig, folder: Path, resume: bool) -> None:
        """Train in `folder`, from its checkpoint if there is one. The test split is left alone.

        Where the disk is full it waits for space, and goes on from the last checkpoint.
        """
        from runner.engine.interrupt import Interrupt
        from runner.sweep.folder import patiently

        Interrupt.second_stops = False
        again = resume

        def train() -> None:
            nonlocal again
            before, again = again, True
            self._train(cfg, folder, before)

        patiently(train)

    def _train(self, cfg: DictConfig, folder: Path, resume: bool) -> None:
        from hydra.core.hydra_config import HydraConfig

        from runner import run as runs
        from runner.config.compose import as_typed, settle

        hydra = HydraConfig.get()
        above = [place for place in folder.resolve().parents if (place / "sweep.yaml").exists()]
        known = above[0] / "data.json" if above else None  # all trials must see the same data
        if resume and (folder / "config.yaml").exists():
            runs.resume(folder, trusted_targets=list(cfg.trusted_targets), test=False, known_data=known)
            return
        settle(cfg)
        overrides = as_typed(hydra.overrides.task)
        runs.run(cfg, folder, overrides=overrides, config_dir=config_dir_of(hydra), test=False, known_data=known)

    def test(self, folder: Path, commanded: Mapping[str, Any]) -> dict[str, Any]:
        """Scores of the winner on the test split; none where the data have no such split."""
        from runner.record.folder import RunFolder
        from runner.run import evaluate_run

        run = RunFolder.existing(folder)
        if "test" not in run.read_json(run.manifest)["data"]:
            return {}
        return evaluate_run(folder, "test", trusted_targets=list(commanded["trusted_targets"]))

    def closing(self, sweep: Path) -> list[str]:
        """What the trackers of the trials were not told."""
        from runner.tracking.process.start import untold

        return untold(sweep)
