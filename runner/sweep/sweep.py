"""From a command to a finished sweep."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from optuna.exceptions import StorageInternalError

from runner.errors import ConfigError, Interrupted, RunFailed, counted
from runner.record.lock import Lock
from runner.sweep.advice import advice
from runner.sweep.composer import Composer, as_typed
from runner.sweep.driver import Driver
from runner.sweep.ending import Ending
from runner.sweep.folder import SweepFolder, set_aside, shown, write
from runner.sweep.interruption import Interruption
from runner.sweep.launcher.base import Launcher
from runner.sweep.listing import read_settings
from runner.sweep.painter import Painter
from runner.sweep.plan import Plan
from runner.sweep.planning import Planning
from runner.sweep.pruning import Pruner
from runner.sweep.reporter import Reporter
from runner.sweep.results import by_point
from runner.sweep.samplers import Sampler
from runner.sweep.settings import Settings
from runner.sweep.study import Study
from runner.sweep.trial import Trial

GRACE = 60.0  # seconds that trials have to save themselves when the sweep is stopped


class Sweep:
    """One sweep of a Hydra application.

    Args:
        settings: what ``hydra.sweeper`` holds.
        sampler: who chooses points.
        pruner: who stops trials early.
        context: Hydra's.
        task: the application's task function.
        config: the sweep's own config, with the ``hydra`` node.
        launcher: runs trials, with a `runner.sweep.run_trial.Application` for its state.
        reporter: where to speak.
    """

    def __init__(
        self,
        settings: Settings,
        sampler: Sampler,
        pruner: Pruner,
        context: HydraContext,
        task: TaskFunction,
        config: DictConfig,
        launcher: Launcher,
        reporter: Reporter | None = None,
    ) -> None:
        self.settings, self.sampler, self.pruner = settings, sampler, pruner
        self.config, self.launcher = config, launcher
        self.composer = Composer(context.config_loader, config)
        self.protocol = getattr(task, "sweep_protocol", None)
        self.reporter = reporter or Reporter()

    def run(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Check, then search until everything asked for is done.

        Args:
            arguments: the overrides typed for the application.

        Returns:
            The content of the sweep's ``result.json``.

        Raises:
            ConfigError: nothing was started.
            RunFailed: it ran to its end, or to ``max_failures``, and trials failed; or somebody removed its folder.
            Interrupted: it was stopped, and can be continued.
        """
        arguments = as_typed(arguments)
        planning = Planning(self.settings, self.sampler, self.pruner, self.composer, self.protocol, self.reporter)
        interruption = Interruption(at_once=True)
        try:
            with interruption:
                plan = planning.plan(arguments)
                folder = SweepFolder(
                    sweep_path(self.config, self.settings.study_name or planning.name(plan, self.config))
                )
                if self.settings.dry_run:
                    planning.show(plan, shown(folder.path))
                    return {}
                interruption.asked()
        except KeyboardInterrupt:
            raise Interrupted("Stopped before the first trial; nothing was written.", interruption.by) from None
        self.launcher.check()
        folder.lock()
        interruption = Interruption(request=lambda: folder.asked_to_stop)
        try:
            with interruption:
                self.reporter.say(f"in {shown(folder.path)}")
                self._clear(folder)
                self.launcher.open(folder.path)
                return self._run(plan, folder, arguments, interruption)
        except KeyboardInterrupt:
            at = shown(folder.path)
            raise Interrupted(
                f"Stopped at once; what was saved before stays. The same command continues the sweep in {at}.",
                interruption.by,
            ) from None
        except FileNotFoundError as error:
            if told := folder.gone(error):
                raise RunFailed(told) from error
            raise
        finally:
            folder.unlock()

    def _clear(self, folder: SweepFolder) -> None:
        """See to it that no worker of an earlier start is at work here any more."""
        if (folder.path / "slurm").exists():
            from runner.sweep.launcher.slurm import cancel_left

            if cancel_left(folder.path):
                self.reporter.say("ended the jobs that an earlier start had handed to SLURM")
        folder.wait_for_workers(self.reporter.say)

    def _run(
        self, plan: Plan, folder: SweepFolder, arguments: Sequence[str], interruption: Interruption
    ) -> dict[str, Any]:
        study_name = self._settle(plan, folder, arguments)
        study = self._study(plan, folder, study_name)
        launcher, painter = self.launcher, Painter(folder.path, interruption.asked)

        def notice(driver: Driver, trial: Trial | None) -> None:
            self.reporter(driver, trial)
            if self.settings.plots:
                painter.look()

        try:
            driver = Driver(plan, folder, study, self.composer, launcher, notice)
            if study.damaged:
                told = "set aside under this name, it could not be read; the study is made again from the trials"
                self.reporter.say(f"note: {study.damaged.name}: {told}")
            for path, reason in driver.damaged.items():
                self.reporter.say(f"note: trials/{path.name}: set aside under this name, trial.json: {reason}")
            chosen = _launcher(self.config.hydra.runtime.choices.get("hydra/launcher"))
            self._tell_change(folder, chosen)
            start = {"started": time.time(), "workers": launcher.count, "trials": driver.total, "launcher": chosen}
            write(folder.driver, json.dumps(start))
            before = len(driver.trials) - sum(t.status == "interrupted" for t in driver.trials.values())
            done = f", {before} of them done before" if before else ""
            if not driver.over:
                self.reporter.say(f"{counted(driver.total, 'trial')}{done}, {launcher.count} at a time")
                for words in launcher.cautions:
                    self.reporter.say(f"note: {words}")
            self.reporter.open()
            try:
                driver.run(interruption)
                if interruption.asked() and plan.protocol and launcher.jobs:
                    self.reporter.close(driver)
                    running = counted(len(launcher.jobs), "trial")
                    self.reporter.say(f"stopping: {running} under way, to be saved; Ctrl-C again stops at once")
                driver.stop(GRACE if plan.protocol else 0.0)
            except StorageInternalError as error:
                launcher.close(GRACE if plan.protocol else 0.0)  # what they saved is found at the next start
                raise RunFailed(
                    "hydra.sweeper.storage: the connection was lost "
                    f"({type(error.__cause__ or error).__name__}). No trial was: all are in {shown(folder.path)}. "
                    "The same command continues the sweep when the storage is there again."
                ) from error
            driver.conclude()
            self.reporter.close(driver)
            ending = Ending(driver, self.reporter, interruption)
            ending.tell_best()
            result = ending.write_result()
            if not interruption.asked() and not driver.hopeless:
                for words in advice(driver):
                    self.reporter.say(f"advice: {words}")
                if self.settings.plots and driver.best():
                    self.reporter.say("drawing plots")
                    painter.start()
        finally:
            if self.reporter.live is not None:
                self.reporter.live.stop()
            launcher.close()
            undrawn = painter.finish()
        if undrawn and not interruption.asked():
            self.reporter.say(f"note: not drawn: {'; '.join(undrawn)} (see {shown(painter.log)})")
        for words in self.protocol.closing(folder.path) if self.protocol and not interruption.asked() else ():
            self.reporter.say(f"note: {words}")
        ending.check(result, self.settings.retries)
        return result

    def _study(self, plan: Plan, folder: SweepFolder, name: str) -> Study:
        shared, storage = self.settings.shared_study, self.settings.storage
        searched = (plan.objectives, plan.directions, plan.sampler, plan.space, plan.seed)
        if shared is None or storage is None:
            return Study(storage, folder.journal, name, *searched)
        from runner.sweep.shared_study import SharedStudy

        gone = None if self.settings.take_over is None else Path(self.settings.take_over).absolute()
        if gone is not None and (gone == folder.path or Lock(gone / "driver.lock").held):
            raise ConfigError(f"hydra.sweeper.take_over={gone}: its driver is at work. Stop it first.")
        driver = str(read_settings(folder.path)["driver"])
        left = () if gone is None else by_point(SweepFolder(gone).load(), plan.repeats)
        return SharedStudy(storage, shared, *searched, driver, folder.path, gone, left)

    def _tell_change(self, folder: SweepFolder, chosen: str) -> None:
        """Say so where trials do not run where those of the last start did: the folder's own word is not taken."""
        before = chosen
        with suppress(OSError, ValueError, AttributeError):
            before = _launcher(json.loads(folder.driver.read_text(encoding="utf-8")).get("launcher", before))
        if before != chosen:
            self.reporter.say(f"note: the last start was with hydra/launcher={before}, this one is with {chosen}")

    def _settle(self, plan: Plan, folder: SweepFolder, arguments: Sequence[str]) -> str:
        """Write ``sweep.yaml``, or make sure that this command continues what is in it. Gives the study's name."""
        job = self.config.hydra
        kind = type(plan.sampler).__name__.lower()
        settings: dict[str, Any] = {
            "name": (name := self.settings.study_name or folder.path.name),
            "study": f"{name}-{secrets.token_hex(3)}",  # a storage may hold those of other folders too
            "driver": secrets.token_hex(8),  # tells its trials from those of others who share the study
            "created": time.strftime("%Y-%m-%d %H:%M:%S"),
            "sampler": kind,
            "pruner": type(plan.pruner).__name__.lower(),
            "seed": plan.seed,
            "n_trials": plan.n_trials,
            "repeats": plan.repeats,
            "repeat_key": plan.repeat_key,
            "objectives": plan.objectives,
            "directions": plan.directions,
            "fixed": list(plan.space.fixed),
            "order": list(plan.space.entangled),
            "space": {
                d.key: {"space": d.describe(), "kind": d.kind, "log": d.log}
                | ({"when": f"{d.when.key}={','.join(d.when.values)}"} if d.when else {})
                for d in plan.space.dimensions
            },
            "application": job.job.name,
            "config_name": job.job.config_name,
            "config_dir": next((s.path for s in job.runtime.config_sources if s.provider == "command-line"), None),
            "arguments": list(arguments),
            "hydra_arguments": [o for o in as_typed(job.overrides.hydra) if not _of_this_start(o)],
        }
        before: dict[str, Any] = {}
        if folder.settings.exists():
            try:
                before = read_settings(folder.path)
            except ConfigError as error:
                aside = set_aside(folder.settings)
                self.reporter.say(f"note: {aside.name}: set aside under this name. {error}")
        if before:
            named = ["name"] if self.settings.study_name else []
            same = ("sampler", "objectives", "directions", "fixed", "order", "config_name", "seed", "repeat_key")
            for key in (*named, *same):
                told = [sorted(s[key]) if key == "fixed" else s.get(key, []) for s in (before, settings)]
                if told[0] != told[1]:
                    was, now = (" ".join(t) or "nothing" if isinstance(t, list) else t for t in told)
                    raise ConfigError(
                        f"{shown(folder.path)} holds a sweep with {key} {was}, this command says {now}. "
                        "Give this one a folder of its own: hydra.sweep.dir=DIR."
                    )
            settings["created"], settings["driver"] = before["created"], before.get("driver", settings["driver"])
            # Optuna's studies can't change a parameter's range: a changed space gets a study of its own, filled anew.
            if before["space"] == settings["space"]:
                settings["study"] = before["study"]
        write(folder.settings, OmegaConf.to_yaml(OmegaConf.create(settings)))
        write(folder.path / "multirun.yaml", OmegaConf.to_yaml(self.config))  # as Hydra does
        return str(settings["study"])


def sweep_path(config: DictConfig, name: str) -> Path:
    """The sweep's folder: ``hydra.sweep.dir``, where a time of day gives way to the sweep's name.

    A folder named by the time would never be found again by the same command.
    """
    raw = str(OmegaConf.to_container(config.hydra.sweep, resolve=False)["dir"])  # type: ignore[index,call-overload]
    if "${now:" not in raw:
        return Path(str(config.hydra.sweep.dir))
    parent = raw[: raw.index("${now:")].rpartition("/")[0]
    return Path(str(OmegaConf.create({"dir": parent}).dir) if parent else ".") / name


def _launcher(choice: Any) -> str:
    """Name of a launcher; Hydra calls it ``basic`` where nothing is chosen."""
    return "local" if choice == "basic" else str(choice)


def _of_this_start(override: str) -> bool:
    """Whether an override is about one start of a sweep, not about the sweep."""
    key = override.lstrip("+~").partition("=")[0]
    kept = ("hydra.sweep.dir", "hydra.sweeper.dry_run", "hydra.mode", "hydra/launcher")
    return key in kept or key.startswith("hydra.launcher.")
