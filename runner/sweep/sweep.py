"""From a command to a finished sweep."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from runner.errors import ConfigError, Interrupted, RunFailed, counted, did_you_mean
from runner.sweep.advice import advice
from runner.sweep.composer import Composer, UnknownKey, is_integer
from runner.sweep.coverage import covering
from runner.sweep.driver import Driver, Plan
from runner.sweep.folder import SweepFolder, Trial, shown, write
from runner.sweep.launcher.local import LocalLauncher
from runner.sweep.painter import Painter
from runner.sweep.pruning import NoPruner, Pruner
from runner.sweep.reporter import Reporter, counts, readable, scores
from runner.sweep.run_trial import Setup, TaskName, test_trial
from runner.sweep.samplers import Grid, Sampler
from runner.sweep.settings import Settings
from runner.sweep.space import Point, Space, parse, with_whole_numbers

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
        reporter: Reporter | None = None,
    ) -> None:
        self.settings, self.sampler, self.pruner = settings, sampler, pruner
        self.context, self.task, self.config = context, task, config
        self.composer = Composer(context.config_loader, config)
        self.protocol = getattr(task, "sweep_protocol", None)
        self.reporter = reporter or Reporter()
        self.commanded: dict[str, Any] = {}

    def run(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Check, then search until everything asked for is done.

        Args:
            arguments: the overrides typed for the application.

        Returns:
            The content of the sweep's ``result.json``.

        Raises:
            ConfigError: nothing was started.
            RunFailed: it ran to its end, or to ``max_failures``, and trials failed.
            Interrupted: it was stopped, and can be continued.
        """
        task, arguments = TaskName.of(self.task), as_typed(arguments)
        try:
            plan = self._plan(self._space(arguments), arguments)
        except UnknownKey as error:
            if error.key not in {key.lstrip("+") for key in self.settings.params}:
                raise
            raise ConfigError(f"hydra.sweeper.params.{error.key}: {error.problem}") from error
        folder = SweepFolder(sweep_path(self.config, self._name(plan)))
        if self.settings.dry_run:
            self._show(plan, folder)
            return {}
        folder.lock()
        try:
            with _interruptible():
                self.reporter.say(f"in {shown(folder.path)}")
                return self._run(plan, folder, task, arguments)
        except KeyboardInterrupt:
            at = shown(folder.path)
            raise Interrupted(
                f"Stopped at once; what was saved before stays. The same command continues the sweep in {at}."
            ) from None
        finally:
            folder.unlock()

    # Before the first trial ---------------------------------------------------------------------------------------

    def _space(self, arguments: Sequence[str]) -> Space:
        """What is searched over."""
        space = parse(arguments, self.settings.params, self.composer.options, self.composer.current, self.composer.keys)
        return with_whole_numbers(space, self._whole_numbers_only)

    def _intent(self, space: Space) -> str:
        """What is about to be done, said before the checks, which may take seconds."""
        sampler = type(self.sampler).__name__.lower()
        points = f"{counted(self.settings.n_trials, 'point')} of " if self.settings.n_trials else ""
        keys, workers = counted(len(space.dimensions), "key"), counted(self.settings.workers, "worker")
        return f"{sampler} search: {points}{keys} with {workers}; checking every option it can reach"

    def _whole_numbers_only(self, overrides: Sequence[str], key: str) -> bool:
        """Whether `key` takes no other numbers in a trial with `overrides`: by its type, or the application's word."""
        config = self.composer.compose(overrides)
        typed = is_integer(config, key)
        return typed or (self.protocol is not None and self.protocol.whole_numbers_only(config, key))

    def _commanded(self, space: Space, arguments: Sequence[str]) -> dict[str, Any]:
        """What the command itself says of the keys that only a command may set."""
        keys = self.protocol.commanded if self.protocol is not None else ()
        if searched := [d.key for d in space.dimensions if d.name in keys]:
            raise ConfigError(f"{searched[0]}: can't be searched over. Give it one value.")
        own = [line for line in arguments if line.lstrip("+").partition("=")[0] in keys]
        config = self.composer.compose(own)
        return {key: config[key] for key in keys}

    def _plan(self, space: Space, arguments: Sequence[str]) -> Plan:
        settings = self.settings
        self.commanded = self._commanded(space, arguments)
        if not space.dimensions:
            raise ConfigError(
                "There is nothing to search: no key has several values. Give one, such as 'optimizer.lr=0.1,0.01' or "
                "'optimizer.lr=tag(log,interval(1e-4,1e-1))', or leave out --multirun."
            )
        if not self.sampler.intervals and (found := [d for d in space.dimensions if d.kind == "interval"]):
            raise ConfigError(
                f"{found[0].key}={found[0].describe()}: a grid has no intervals. Take hydra/sweeper=random, "
                "quasirandom, bayes, gp, cmaes or nsga2, or list the values."
            )
        if settings.n_trials is None and not isinstance(self.sampler, Grid):
            raise ConfigError("hydra.sweeper.n_trials: say how many points to try.")
        if settings.repeats > 1:
            self._check_repeats(space)
        if not settings.dry_run:
            self.reporter.say(self._intent(space))
        objectives = self._objectives(space)
        pruning = not isinstance(self.pruner, NoPruner)
        if pruning and len(objectives) > 1:
            raise ConfigError("hydra.sweeper.pruner: with several objectives no trial is the worst. Take none.")
        if pruning and settings.repeats > 1:
            raise ConfigError("hydra.sweeper.pruner: stopping single repeats would bias their mean. Take none.")
        if pruning and self.protocol is None:
            raise ConfigError(
                "hydra.sweeper.pruner: this application does not report by epoch (its task function has no "
                "sweep_protocol), so there is nothing to prune by. Take none."
            )
        if next(iter(objectives.values())) == "maximize":
            self.pruner.sign = -1.0
        return Plan(
            space,
            self.sampler,
            self.pruner,
            list(objectives),
            list(objectives.values()),
            settings.n_trials,
            seed=settings.seed,
            repeats=settings.repeats,
            repeat_key=settings.repeat_key,
            retries=settings.retries,
            timeout=settings.timeout,
            max_failures=0 if settings.fail_fast else settings.max_failures,
            enqueue=[_enqueued(space, entry) for entry in settings.enqueue],
            protocol=self.protocol is not None,
            commanded=self.commanded,
        )

    def _check_repeats(self, space: Space) -> None:
        key = self.settings.repeat_key
        number = self.composer.current(key)
        if number is None or not number.isdecimal():
            given = "there is no such key" if number is None else f"it is {number}"
            raise ConfigError(
                f"hydra.sweeper.repeat_key={key}: {given}. Expected a key with a whole number that tells repeats apart."
            )
        if key in {d.name for d in space.dimensions}:
            raise ConfigError(f"{key}: searched over, and counted by hydra.sweeper.repeats. Give one of them.")

    def _objectives(self, space: Space) -> dict[str, str]:
        """Names and directions, and on the way every option that can be reached is composed and checked."""
        found: dict[str, str] = {}
        names, directions = list(self.settings.objectives), list(self.settings.directions)
        seen: set[tuple[str, ...]] = set()
        is_group = {d.key: bool(self.composer.options(d.name, None)) for d in space.dimensions}
        for point in covering(space, lambda d: is_group[d.key]):
            overrides = [*space.fixed, *space.overrides(point)]
            if self.settings.repeats > 1 and not seen:  # the last of the repeats must be possible too
                key = self.settings.repeat_key
                last = int(self.composer.current(key) or 0) + self.settings.repeats - 1
                overrides.append(f"{key}={last}")
            if tuple(overrides) in seen:
                continue
            seen.add(tuple(overrides))
            config = self.composer.compose(overrides)
            for key, value in self.commanded.items():
                if config[key] != value:
                    raise ConfigError(
                        f"{' '.join(space.overrides(point))}: a config file sets {key}={config[key]}. Only the command "
                        "can do that: type it there."
                    )
            if self.protocol is not None:
                tried = " ".join(space.overrides(point))
                try:
                    self.protocol.check(config)
                    own = dict(self.protocol.objectives(config, names))
                except ConfigError as error:
                    raise ConfigError(str(error) if tried in str(error) else f"{tried}: {error}") from error
                found = found or own
                if own != found and not (directions and list(own) == list(found)):
                    raise ConfigError(
                        f"{tried}: searches to {_goals(own)}, other trials to {_goals(found)}, and these can't be "
                        f"compared. Say what counts: 'hydra.sweeper.objectives=[{','.join(found)}]' "
                        f"'hydra.sweeper.directions=[{','.join(found.values())}]'."
                    )
        if not found:
            count = max(1, len(names), len(directions))
            names = names or (["objective"] if count == 1 else [f"objective_{i}" for i in range(count)])
            found = dict.fromkeys(names, "minimize")
        if directions and len(directions) != len(found):
            raise ConfigError(
                f"hydra.sweeper.directions: {len(directions)} given for {counted(len(found), 'objective')}."
            )
        return dict(zip(found, directions or found.values(), strict=True))

    def _name(self, plan: Plan) -> str:
        """The sweep's name: the same for the same search, whatever its limits."""
        if self.settings.study_name:
            return self.settings.study_name
        kind = type(self.sampler).__name__.lower()
        space, job = plan.space, self.config.hydra.job
        dimensions = [(d.key, d.describe(), str(d.when)) for d in space.dimensions]
        told = [job.name, job.config_name, kind, sorted(space.fixed), dimensions, plan.objectives, plan.seed]
        digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]
        keys = "+".join(d.name.rpartition(".")[2].rpartition("/")[2] for d in space.dimensions)[:40]
        return f"{kind}-{re.sub(r'[^A-Za-z0-9+_-]', '-', keys)}-{digest}"

    def _show(self, plan: Plan, folder: SweepFolder) -> None:
        say = self.reporter.say
        for dimension in plan.space.dimensions:
            when = dimension.when
            note = f"   when {when.key}={','.join(when.values)}" if when else ""
            say(f"{dimension.key}: {dimension.summary()}{note}")
        say(f"objectives: {_goals(dict(zip(plan.objectives, plan.directions, strict=True)))}")
        finite = all(d.kind != "interval" for d in plan.space.dimensions)
        grid = sum(1 for _ in plan.space.grid()) if finite else sys.maxsize
        points = min(plan.n_trials or grid, grid) if isinstance(self.sampler, Grid) else plan.n_trials
        space = f" of {grid}" if isinstance(self.sampler, Grid) else ""
        say(f"points: {points}{space}; trials: {(points or 0) * plan.repeats}; folder: {shown(folder.path)}")
        first = [*plan.enqueue, *(plan.sampler.point(plan.space, plan.seed, i) for i in range(10))]
        for point in [p for p in first if p is not None][: min(10, points or 10)]:
            say("  " + readable(plan.space.overrides(point)))
        if plan.sampler.adaptive:
            say(f"  (after {plan.sampler.startup} results the sampler chooses)")

    # The sweep ----------------------------------------------------------------------------------------------------

    def _run(self, plan: Plan, folder: SweepFolder, task: TaskName, arguments: Sequence[str]) -> dict[str, Any]:
        from optuna.exceptions import StorageInternalError

        from runner.sweep.study import Study

        study_name = self._settle(plan, folder, arguments)
        study = Study(
            self.settings.storage, folder.journal, study_name, plan.directions, plan.sampler, plan.space, plan.seed
        )
        setup = Setup.of(task, self.context.config_loader)
        modules = [] if task.module == "__main__" else [task.module]
        modules += self.protocol.modules if self.protocol else ()
        launcher = LocalLauncher(self.settings.workers, setup, modules)
        painter = Painter(folder.path)

        def notice(driver: Driver, trial: Trial | None) -> None:
            self.reporter(driver, trial)
            painter.look()

        stopped = False
        try:
            driver = Driver(plan, folder, study, self.composer, launcher, notice)
            before = len(driver.trials) - sum(t.status == "interrupted" for t in driver.trials.values())
            done = f", {before} of them done before" if before else ""
            if not driver.over:
                self.reporter.say(f"{counted(driver.total, 'trial')}{done}, {launcher.count} at a time")
            self.reporter.open()
            try:
                driver.run()
                if driver.too_many_failures:
                    driver.stop(GRACE if plan.protocol else 0.0)
            except StorageInternalError as error:
                launcher.close(GRACE if plan.protocol else 0.0)  # what they saved is found at the next start
                raise RunFailed(
                    "hydra.sweeper.storage: the connection was lost "
                    f"({type(error.__cause__ or error).__name__}). No trial was: all are in {shown(folder.path)}. "
                    "The same command continues the sweep when the storage is there again."
                ) from error
            except KeyboardInterrupt:
                stopped = True
                if plan.protocol and launcher.jobs:
                    self.reporter.close(driver)
                    running = counted(len(launcher.jobs), "trial")
                    self.reporter.say(f"stopping: {running} under way, to be saved; Ctrl-C again stops at once")
                driver.stop(GRACE if plan.protocol else 0.0)
            driver.conclude()
            self.reporter.close(driver)
            for entry in self._result(driver, stopped, {})["best"][:10]:
                told = scores(plan.objectives, [entry[n] for n in plan.objectives])
                if plan.repeats > 1:
                    errors = ", ".join(f"{e:.2g}" for e in entry["standard_error"])
                    told += f" (mean of {plan.repeats}, standard error {errors})"
                self.reporter.say(f"best: trial {entry['trial']}, {told}: {readable(entry['overrides'])}")
            result = self._result(driver, stopped, self._test(driver) if driver.over else {})
            if result.get("test"):
                self.reporter.say(f"test: {scores(result['test'], result['test'].values())}")
            write(folder.result, json.dumps(result, indent=2) + "\n")
            if not stopped:
                for words in advice(driver):
                    self.reporter.say(f"advice: {words}")
                self.reporter.say("drawing plots")
                painter.start()
        finally:
            if self.reporter.live is not None:
                self.reporter.live.stop()
            launcher.close()
            painter.finish()
        return self._end(driver, result, stopped)

    def _settle(self, plan: Plan, folder: SweepFolder, arguments: Sequence[str]) -> str:
        """Write ``sweep.yaml``, or make sure that this command continues what is in it. Gives the study's name."""
        job = self.config.hydra
        kind = type(plan.sampler).__name__.lower()
        settings: dict[str, Any] = {
            "name": folder.path.name,
            "study": f"{folder.path.name}-{secrets.token_hex(3)}",  # a storage may hold those of other folders too
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
        if folder.settings.exists():
            before: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(folder.settings))  # type: ignore[assignment]
            for key in ("sampler", "objectives", "directions", "fixed", "config_name", "seed", "repeat_key"):
                told = [sorted(s[key]) if key == "fixed" else s[key] for s in (before, settings)]
                if told[0] != told[1]:
                    was, now = (" ".join(t) or "nothing" if isinstance(t, list) else t for t in told)
                    raise ConfigError(
                        f"{shown(folder.path)} holds a sweep with {key} {was}, this command says {now}. "
                        "Give this one another hydra.sweeper.study_name."
                    )
            settings["created"] = before["created"]
            # Optuna's studies can't change a parameter's range: a changed space gets a study of its own, filled anew.
            if before["space"] == settings["space"]:
                settings["study"] = before["study"]
        write(folder.settings, OmegaConf.to_yaml(OmegaConf.create(settings)))
        return str(settings["study"])

    def _test(self, driver: Driver) -> dict[str, Any]:
        """Evaluate the best trial on the test split, once."""
        front = driver.best()
        if self.protocol is None or len(front) != 1 or not driver.launcher.idle:
            return {}
        trial = front[0].trials[0]
        if driver.folder.result.exists():
            before: dict[str, Any] = json.loads(driver.folder.result.read_text())
            if before.get("tested") == trial.number:
                return {"tested": trial.number, "test": before["test"]}
        self.reporter.say(f"testing trial {trial.number} on the test split")
        driver.launcher.start(trial.number, test_trial, driver.folder.trial_folder(trial), self.commanded)
        while not (outcomes := driver.launcher.wait(60.0)):
            pass
        if outcomes[0].kind != "returned":
            return {"status": "failed", "cause": f"trial {trial.number} could not be tested: {outcomes[0].cause}"}
        return {"tested": trial.number, "test": outcomes[0].value}

    def _result(self, driver: Driver, stopped: bool, test: dict[str, Any]) -> dict[str, Any]:
        front = driver.best()
        return {
            "status": "interrupted" if stopped else "completed" if driver.over else "failed",
            "trials": len(driver.trials),
            **counts(driver),
            "best": [
                {
                    "trial": p.trials[0].number,
                    "overrides": driver.plan.space.overrides(p.trials[0].params),
                    **dict(zip(driver.plan.objectives, p.values or [], strict=True)),
                    **({"standard_error": p.errors} if p.errors else {}),
                }
                for p in front
            ],
            **test,
        }

    def _end(self, driver: Driver, result: dict[str, Any], stopped: bool) -> dict[str, Any]:
        folder = shown(driver.folder.path)
        self.reporter.say(f"sweep: {folder}")
        if stopped:
            raise Interrupted(f"Stopped. The same command continues the sweep in {folder}.")
        if driver.failures:
            first = next(t for t in driver.trials.values() if t.status == "failed")
            raise RunFailed(
                f"{driver.failures} of {counted(len(driver.trials), 'trial')} failed; the first, trial {first.number}: "
                f"{first.cause} (see {folder}/trials/{first.folder}/output.log). All are listed in "
                f"{shown(driver.folder.table)}; the same command with "
                f"hydra.sweeper.retries={self.settings.retries + 1} tries them again."
            )
        if "cause" in result:
            trial = driver.best()[0].trials[0]
            raise RunFailed(
                f"All trials ended, but {result['cause']} (see {folder}/trials/{trial.folder}/output.log). The same "
                "command tests it again."
            )
        return result


def sweep_path(config: DictConfig, name: str) -> Path:
    """The sweep's folder: ``hydra.sweep.dir``, where a time of day gives way to the sweep's name.

    A folder named by the time would never be found again by the same command.
    """
    raw = str(OmegaConf.to_container(config.hydra.sweep, resolve=False)["dir"])  # type: ignore[index,call-overload]
    if "${now:" not in raw:
        return Path(str(config.hydra.sweep.dir))
    parent = raw[: raw.index("${now:")].rpartition("/")[0]
    return Path(str(OmegaConf.create({"dir": parent}).dir) if parent else ".") / name


def as_typed(overrides: Any) -> list[str]:
    """Hydra's list of overrides as they were typed: what stands for a secret stays a reference."""
    plain: Any = OmegaConf.to_container(overrides, resolve=False) if OmegaConf.is_config(overrides) else overrides
    return [str(text) for text in plain]


def _goals(objectives: Mapping[str, str]) -> str:
    """``minimize val/loss, maximize val/accuracy``."""
    return ", ".join(f"{direction} {name}" for name, direction in objectives.items())


def _enqueued(space: Space, entry: Mapping[str, Any]) -> Point:
    """A point that the user gave; every key that is searched and whose condition holds must have a value."""
    known = {d.name: d for d in space.dimensions}
    texts = {}
    for key, value in entry.items():
        if key.lstrip("+") not in known:
            raise ConfigError(f"hydra.sweeper.enqueue: {key} is not searched over.{did_you_mean(key, known)}")
        dimension = known[key.lstrip("+")]
        text = value if isinstance(value, str) else json.dumps(value)
        try:
            native = dimension.native(text)
        except ConfigError as error:
            raise ConfigError(f"hydra.sweeper.enqueue: {error}") from error
        texts[dimension.key] = dimension.text(native)
    try:
        return space.build(lambda d: texts[d.key])
    except KeyError as error:
        raise ConfigError(f"hydra.sweeper.enqueue: a point lacks {error}.") from None


def _of_this_start(override: str) -> bool:
    """Whether an override is about one start of a sweep, not about the sweep."""
    return override.startswith(("hydra.sweep.dir=", "hydra.sweeper.dry_run=", "hydra.mode="))


@contextmanager
def _interruptible() -> Any:
    """SIGTERM means the same as Ctrl-C, which is heard in the background too, where shells have it ignored."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
