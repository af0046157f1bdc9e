"""The driver: asks for points, hands trials to workers, follows them, tells what came of them, and loses nothing."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import pickle
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from runner.errors import ConfigError, counted
from runner.sweep.composer import Composer
from runner.sweep.folder import FINISHED, Follower, SweepFolder, Trial, slug, write
from runner.sweep.launcher.base import Launcher, Outcome
from runner.sweep.pruning import Curve, Pruner
from runner.sweep.results import PointResult, best, by_point, summarize
from runner.sweep.run_trial import run_trial
from runner.sweep.samplers import Grid, Sampler
from runner.sweep.space import Point, Space
from runner.sweep.study import Study

POLL = 0.05  # seconds between looks at what running trials wrote
FLUSH = 1.0  # seconds between writes of the tables


@dataclass(frozen=True)
class Plan:
    """What a sweep is to do.

    Attributes:
        space: what is searched.
        sampler: who chooses.
        pruner: who stops trials early.
        objectives: name of each objective.
        directions: ``minimize`` or ``maximize`` for each.
        n_trials: points in all; None: as many as the grid has.
        seed: of the sampler.
        repeats: trials per point, each with its own value of `repeat_key`.
        repeat_key: a key of the application, such as ``seed``.
        retries: how often a failed trial is tried again.
        timeout: seconds that one attempt may take.
        max_failures: failed trials that are put up with; None: any number.
        enqueue: points to be tried first.
        protocol: whether trials report by epoch, can be stopped and resumed.
        commanded: values of keys for which a trial's record is not believed.
    """

    space: Space
    sampler: Sampler
    pruner: Pruner
    objectives: list[str]
    directions: list[str]
    n_trials: int | None
    seed: int = 0
    repeats: int = 1
    repeat_key: str = "seed"
    retries: int = 0
    timeout: float | None = None
    max_failures: int | None = None
    enqueue: list[Point] = field(default_factory=list)
    protocol: bool = False
    commanded: Mapping[str, Any] = field(default_factory=dict)

    @property
    def signs(self) -> list[float]:
        """1 for each objective to be minimized, -1 for one to be maximized."""
        return [1.0 if d == "minimize" else -1.0 for d in self.directions]


class Driver:
    """One sweep, from wherever its folder says it stands to its end.

    Args:
        plan: what is to be done.
        folder: its folder, locked by this process.
        study: the samplers' memory.
        composer: makes trial configs.
        launcher: who runs them.
        notice: called after every change with the driver; must return at once.
    """

    def __init__(
        self,
        plan: Plan,
        folder: SweepFolder,
        study: Study,
        composer: Composer,
        launcher: Launcher,
        notice: Callable[[Driver, Trial | None], None],
    ) -> None:
        self.plan, self.folder, self.study = plan, folder, study
        self.composer, self.launcher, self.notice = composer, launcher, notice
        self.trials: dict[int, Trial] = {t.number: t for t in folder.load()}
        self.curves: dict[int, Curve] = {}
        self.began = time.monotonic()
        self._points: dict[int, list[Trial]] = {}
        for trial in self.trials.values():
            self._points.setdefault(trial.point, []).append(trial)
        self._queue: deque[Trial] = deque()
        self._repeats: deque[int] = deque()
        self._followers: dict[int, Follower] = {}
        self._stopping: dict[int, str] = {}
        self._index = 0
        self._exhausted = False
        self._enqueue = deque(plan.enqueue)
        self._flushed = 0.0
        self._dirty = True
        self._fresh: dict[int, DictConfig] = {}
        self._ahead: dict[tuple[str, ...], DictConfig] = {}
        self._recover()

    # What was there before ----------------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Find out where every trial stands, and put the study right."""
        for trial in self.trials.values():
            self._follow(trial, judge=False)
            curve = self.curves.setdefault(trial.number, Curve())
            curve.judged = 0
            if trial.status == "running":
                self._adopt(trial)
            if trial.status == "failed" and trial.attempts <= self.plan.retries:
                trial.status = "interrupted"
            elif trial.status == "pruned" and trial.paused_at and self.plan.pruner.pauses:
                trial.status = "paused"
            if trial.status == "paused":
                curve.paused_at = trial.paused_at
            curve.completed = trial.status == "completed"
            if trial.status == "interrupted":
                self._queue.append(trial)
        self._followers.clear()
        for point, members in self._points.items():
            missing = self.plan.repeats - len(members)
            self._repeats.extend([point] * max(0, missing))
        seen = {_identity(t.params) for t in self.trials.values()}
        self._enqueue = deque(p for p in self._enqueue if _identity(p) not in seen)
        self._seen = seen
        if not isinstance(self.plan.sampler, Grid):  # a grid is walked anew, leaving out what is there
            self._index = max((t.index + 1 for t in self.trials.values() if t.index is not None), default=0)
        self.study.reconcile((p.point, p.trials[0].params, p.status, p.values) for p in self.results())

    def _adopt(self, trial: Trial) -> None:
        """A trial whose driver died: it may have ended by itself before its worker was gone."""
        result = self._result(trial)
        if self.plan.protocol and result.get("status") in ("completed", "pruned", "failed"):
            trial.status, trial.cause, trial.values = self._verdict(trial, result)
        else:
            trial.status, trial.cause = "interrupted", "the driver ended before it"
        self.folder.save(trial)

    # The loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Go on until every point is done, or more trials failed than are put up with."""
        while not self.too_many_failures:
            while self.launcher.idle and (job := self._next()) is not None:
                self._launch(job)
            self._look_ahead()
            if not self.launcher.jobs:
                break
            for outcome in self.launcher.wait(POLL if self._followers else 1.0):
                self._finish(outcome)
            for number in self.launcher.jobs:
                self._follow(self.trials[number], judge=True)
            self.notice(self, None)
            self._flush()

    def stop(self, grace: float) -> None:
        """End the trials under way; those that can save themselves have `grace` seconds for it."""
        running = self.launcher.jobs
        for outcome in self.launcher.close(grace):
            self._finish(outcome)
            running.remove(outcome.job)
        for number in running:
            trial = self.trials[number]
            trial.status, trial.cause = "interrupted", "the sweep was stopped"
            self.folder.save(trial)

    def conclude(self) -> None:
        """Write the tables a last time. What is still paused will not be promoted any more."""
        if self.over:
            for trial in self.trials.values():
                if trial.status == "paused":
                    trial.status = "pruned"
                    self.folder.save(trial)
        self._flush(now=True)

    @property
    def failures(self) -> int:
        """Trials that failed for good."""
        return sum(t.status == "failed" for t in self.trials.values())

    @property
    def too_many_failures(self) -> bool:
        """Whether the sweep must stop because of them."""
        return self.plan.max_failures is not None and self.failures > self.plan.max_failures

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not any(t.status in ("running", "interrupted") for t in self.trials.values()) and not self._more()

    @property
    def points(self) -> int:
        """Points in all."""
        points = self.plan.n_trials
        if isinstance(self.plan.sampler, Grid):
            here = len(self._seen | {_identity(p) for p in [*self.plan.space.grid(), *self._enqueue]})
            points = min(here, points or here)
        return max(len(self._points), points or 0)

    @property
    def total(self) -> int:
        """Trials in all."""
        return max(len(self.trials), self.points * self.plan.repeats)

    def results(self) -> list[PointResult]:
        """All points."""
        return by_point(self.trials.values(), self.plan.repeats)

    def best(self) -> list[PointResult]:
        """The best point, or the Pareto front."""
        return best(self.results(), self.plan.signs)

    # Asking -------------------------------------------------------------------------------------------------------

    def _next(self) -> Trial | None:
        """The next trial for an idle worker: one that was begun, one that earned to go on, or a new one."""
        if self._queue:
            return self._queue.popleft()
        promoted = self.plan.pruner.promotable(self.curves)
        if promoted is not None:
            trial, curve = self.trials[promoted], self.curves[promoted]
            curve.judged, curve.paused_at = curve.paused_at or 0, None
            trial.paused_at = None
            self.study.begin(trial.point, trial.params)
            return trial
        if self._repeats:
            point = self._repeats.popleft()
            first = self._points[point][0]
            return self._create(point, first.index, first.params)
        return self._new_point()

    def _more(self) -> bool:
        enough = self.plan.n_trials is not None and len(self._points) >= self.plan.n_trials
        return bool(self._queue or self._repeats) or not (enough or self._exhausted)

    def _new_point(self) -> Trial | None:
        if not self._more():
            return None
        number = max(self._points, default=-1) + 1
        index: int | None = None
        if self._enqueue:
            point = self._enqueue.popleft()
            self.study.begin(number, point)
        else:
            found = self._draw(number)
            if found is None:
                self._exhausted = True
                return None
            index, point = found
        self._seen.add(_identity(point))
        self._repeats.extend([number] * (self.plan.repeats - 1))
        return self._create(number, index, point)

    def _draw(self, number: int) -> tuple[int, Point] | None:
        plan, index = self.plan, self._index
        if plan.sampler.adaptive and self.study.completed >= plan.sampler.startup:
            self._index += 1
            return index, self.study.ask(number)
        while True:
            index, self._index = self._index, self._index + 1
            point = plan.sampler.point(plan.space, plan.seed, index)
            if point is None:
                return None
            if not isinstance(plan.sampler, Grid) or _identity(point) not in self._seen:
                self.study.begin(number, point)
                return index, point

    def _look_ahead(self) -> None:
        """Compose the config that will most likely be next while the workers are busy; changes nothing else."""
        if self.plan.sampler.adaptive or not self.launcher.jobs or not self._more():
            return
        point = self.plan.sampler.point(self.plan.space, self.plan.seed, self._index)
        if point is not None and self.plan.repeats == 1:
            overrides = (*self.plan.space.fixed, *self.plan.space.overrides(point))
            if overrides not in self._ahead:
                with contextlib.suppress(ConfigError):  # it fails when its turn comes
                    self._ahead = {overrides: self.composer.compose(overrides)}

    def _create(self, point: int, index: int | None, params: Point) -> Trial:
        number = max(self.trials, default=-1) + 1
        members = self._points.setdefault(point, [])
        repeat = len(members)
        own = self.plan.space.overrides(params)
        if self.plan.repeats > 1:
            key = self.plan.repeat_key
            own.append(f"{key}={int(self.composer.current(key) or 0) + repeat}")
        overrides = [*self.plan.space.fixed, *own]
        config = self._ahead.pop(tuple(overrides), None)
        with contextlib.suppress(ConfigError):  # a combination that was not among those checked: it becomes a row
            config = config or self.composer.compose(overrides)
        frozen = json.loads(_json(_task_config(config))) if config else {}
        trial = Trial(number, point, index, repeat, params, overrides, f"{number:04d}-{slug(own)}", frozen)
        self.folder.create(trial)
        self.trials[number] = trial
        if config is not None:
            self._fresh[number] = config
        members.append(trial)
        return trial

    # Running ------------------------------------------------------------------------------------------------------

    def _launch(self, trial: Trial) -> None:
        folder = self.folder.trial_folder(trial)
        again = trial.ended is not None or trial.status != "running"
        if again:
            for name in ("stop.json", "result.json"):
                (folder / name).unlink(missing_ok=True)
            trial.status, trial.cause, trial.values = "running", None, None
            self.folder.save(trial)
        if self.plan.protocol:
            self._followers[trial.number] = Follower(folder / "metrics.jsonl")
        try:
            config = self._config(trial, folder)
        except ConfigError as error:
            self._finish(Outcome(trial.number, "raised", cause=str(error)))
            return
        self.launcher.start(trial.number, run_trial, pickle.dumps(config), folder, again, timeout=self.plan.timeout)
        self._dirty = True
        self.notice(self, trial)

    def _config(self, trial: Trial, folder: Path) -> DictConfig:
        """The trial's config as it was frozen, whatever became of ``conf/`` since."""
        config = self._fresh.pop(trial.number, None)
        if config is None:
            try:
                config = self.composer.compose(trial.overrides)
            except ConfigError:
                if not trial.config:
                    raise
                config = copy.deepcopy(self.composer.master)  # an option has gone since: only the hydra node is used
            if trial.config and _json(_task_config(config)) != _json(trial.config):
                config = OmegaConf.create({**trial.config, "hydra": config.hydra})
                OmegaConf.set_struct(config, True)
            with open_dict(config.hydra):  # these can start programs, and a record may come from somebody else
                config.hydra.callbacks = self.composer.master.hydra.callbacks
                config.hydra.job_logging = self.composer.master.hydra.job_logging
        config.update(self.plan.commanded)
        with open_dict(config.hydra):
            config.hydra.sweep.dir, config.hydra.sweep.subdir = str(folder.parent), folder.name
            config.hydra.job.id, config.hydra.job.num = str(trial.number), trial.number
        return config

    def _follow(self, trial: Trial, judge: bool) -> None:
        """Read what the trial reported since the last look."""
        if not self.plan.protocol:
            return
        number, name, sign = trial.number, self.plan.objectives[0], self.plan.signs[0]
        curve = self.curves.setdefault(number, Curve())
        path = self.folder.trial_folder(trial) / "metrics.jsonl"
        for line in self._followers.setdefault(number, Follower(path)).lines():
            if name not in line or "epoch" not in line:
                continue
            epoch, value = int(line["epoch"]), line[name]
            value = math.nan if value is None else float(value)
            curve.scores[epoch] = sign * value
            if epoch <= curve.judged:
                continue
            curve.judged = epoch
            if len(self.plan.objectives) == 1:
                self.study.report(trial.point, epoch, value)
            if not judge:
                continue
            if number not in self._stopping and (reason := self.plan.pruner.judge(self.curves, number, epoch)):
                self._stopping[number] = reason
                trial.paused_at = epoch if self.plan.pruner.pauses else None
                stop = self.folder.trial_folder(trial) / "stop.json"
                write(stop, json.dumps({"status": "pruned", "reason": reason}))

    def _finish(self, outcome: Outcome) -> None:
        """A job ended: note what came of the trial."""
        trial = self.trials[outcome.job]
        self._follow(trial, judge=False)
        self._followers.pop(trial.number, None)
        trial.seconds += outcome.seconds
        trial.ended = time.time()
        result = self._result(trial) if self.plan.protocol else {}
        if outcome.kind in ("died", "timeout"):
            trial.status, trial.cause = "failed", outcome.cause
        elif result:
            trial.status, trial.cause, trial.values = self._verdict(trial, result)
        elif outcome.kind == "raised":
            trial.status, trial.cause = "failed", outcome.cause
        else:
            trial.status, trial.cause, trial.values = self._returned(outcome.value)
        reason = self._stopping.pop(trial.number, None)
        curve = self.curves.setdefault(trial.number, Curve())
        curve.completed = trial.status == "completed"
        if trial.status == "pruned":
            trial.cause = reason or trial.cause
            if trial.paused_at is not None:
                trial.status, curve.paused_at = "paused", trial.paused_at
            last = curve.scores.get(max(curve.scores, default=0))
            trial.values = None if last is None or not math.isfinite(last) else [self.plan.signs[0] * last]
        else:
            trial.paused_at = None
        if trial.status == "failed":
            trial.values = None
            trial.attempts += 1
            if trial.attempts <= self.plan.retries:
                trial.status = "interrupted"
                self._queue.append(trial)
        self.folder.save(trial)
        point = summarize(trial.point, self._points[trial.point], self.plan.repeats)
        if point.status in (*FINISHED, "paused"):
            self.study.tell(point.point, point.status, point.values, point.errors)
        self._dirty = True
        self.notice(self, trial)

    def _result(self, trial: Trial) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder.trial_folder(trial) / "result.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def _verdict(self, trial: Trial, result: dict[str, Any]) -> tuple[Any, str | None, list[float] | None]:
        """Status, cause and values from a run's own ``result.json``."""
        status, cause = result.get("status"), result.get("cause")
        if status != "completed":
            return status if status in ("pruned", "interrupted") else "failed", cause, None
        found = [self._score(trial, result, name) for name in self.plan.objectives]
        missing = [n for n, v in zip(self.plan.objectives, found, strict=True) if v is None]
        if missing:
            return "failed", f"the run reports no {', '.join(missing)}", None
        return self._returned(found)

    def _score(self, trial: Trial, result: dict[str, Any], name: str) -> float | None:
        """A score from ``result.json``: the monitored one, one of its tables (``val``), or a plain entry.

        What it does not hold is that of the best epoch in ``metrics.jsonl``.
        """
        if name == result.get("monitor"):
            return result.get("best_value")
        split, _, metric = name.partition("/")
        table = result.get(split)
        if metric and isinstance(table, dict):
            found = table.get(metric, table.get(name))
        else:
            found = result.get(name)
        if found is None:
            epochs = Follower(self.folder.trial_folder(trial) / "metrics.jsonl").lines()
            found = next((row.get(name) for row in epochs if row.get("epoch") == result.get("best_epoch")), None)
        return None if found is None else float(found)

    def _returned(self, values: Sequence[Any] | None) -> tuple[Any, str | None, list[float] | None]:
        """Status, cause and values from the numbers that a task returned."""
        expected = len(self.plan.objectives)
        if values is None:
            return "failed", "the task function returned nothing; a sweep needs a number", None
        if len(values) != expected:
            return (
                "failed",
                f"the task function returned {counted(len(values), 'number')}, directions say {expected}",
                None,
            )
        numbers = [float(v) for v in values]
        bad = [f"{n} is {v}" for n, v in zip(self.plan.objectives, numbers, strict=True) if not math.isfinite(v)]
        return ("failed", f"diverged: {', '.join(bad)}", None) if bad else ("completed", None, numbers)

    # Writing ------------------------------------------------------------------------------------------------------

    def _flush(self, now: bool = False) -> None:
        """Write the tables, at most once in a while."""
        if now or (self._dirty and time.monotonic() - self._flushed > FLUSH):
            keys = [d.key for d in self.plan.space.dimensions]
            self.folder.write_table((self.trials[n] for n in sorted(self.trials)), keys, self.plan.objectives)
            if front := self.best():
                write(self.folder.best, self.recipe(front[0]))
            self._flushed, self._dirty = time.monotonic(), False

    def recipe(self, point: PointResult) -> str:
        """An experiment file that repeats a point."""
        trial = point.trials[0]
        values = ", ".join(f"{n} {v:.6g}" for n, v in zip(self.plan.objectives, point.values or [], strict=True))
        return self.composer.recipe(
            [*self.plan.space.fixed, *self.plan.space.overrides(trial.params)],
            f"Trial {trial.number} of {self.folder.path.name}: {values}. Found in trials/{trial.folder}.",
        )


def _identity(point: Point) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(point.items()))


def _task_config(config: DictConfig) -> dict[str, Any]:
    """The config without Hydra's own node, as plain containers; interpolations stay, so no secret is resolved."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=False)  # type: ignore[assignment]
    plain.pop("hydra")
    return plain


def _json(content: Any) -> str:
    return json.dumps(content, default=str)
