"""The driver: hands trials to workers, follows them, tells what came of them, and loses nothing."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable

from runner.errors import ConfigError
from runner.sweep.agenda import Agenda
from runner.sweep.composer import Composer
from runner.sweep.configs import Configs
from runner.sweep.folder import SweepFolder, set_aside
from runner.sweep.following import Following
from runner.sweep.interruption import Interruption
from runner.sweep.launcher.base import Launcher, Outcome
from runner.sweep.plan import Plan
from runner.sweep.pruning import Curve
from runner.sweep.results import Front, PointResult, by_point, summarize
from runner.sweep.run_trial import run_trial
from runner.sweep.study import Study, notes
from runner.sweep.tables import Tables
from runner.sweep.trial import FINISHED, Trial
from runner.sweep.verdict import NoScore, read_result, reported, returned, scores_of

ENDED = ("completed", "pruned", "failed")  # what a run says that came to its end
POLL = 0.05  # seconds between looks at what running trials wrote
SHARE = 20  # times as long as the last look at all running trials took, until the next
LOSSES = 3  # times in succession that a trial's worker may be lost without the trial getting any further
LOOK = 0.2  # seconds between looks at whether to stop, where trials write nothing


class Driver:
    """One sweep, from wherever its folder says it stands to its end.

    Args:
        plan: what is to be done.
        folder: its folder, locked by this process.
        study: the samplers' memory.
        composer: makes trial configs.
        launcher: who runs them.
        notice: called after every change with the driver; must return at once.

    Attributes:
        trials: all of them, by number.
        ended: numbers of those that need no more work, unless a pruner promotes them.
        damaged: folders whose records could not be read, where they lie now, each with the reason.
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
        self.launcher, self.notice = launcher, notice
        self._look = 0.0  # when to look at running trials again
        self.hopeless = False  # what the task function returns is of no use to this sweep
        trials, bad = folder.read()
        self.trials: dict[int, Trial] = {t.number: t for t in trials}
        self.damaged = {set_aside(path): reason for path, reason in bad.items()}
        self.following = Following(plan, folder, study)
        self.configs, self.tables = Configs(plan, composer), Tables(plan, folder, composer)
        self._recover()
        self.agenda = Agenda(plan, folder, study, self.configs, self.trials, self.curves)
        self.study.reconcile(self.results(), self.following.scores())
        self._front = Front(self.results(), plan.signs)
        self.ended = {t.number for t in trials if t.status in (*FINISHED, "paused")}

    @property
    def curves(self) -> dict[int, Curve]:
        """What trials reported by epoch."""
        return self.following.curves

    # What was there before ----------------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Find out where every trial stands."""
        taken = self.study.taken()
        for trial in self.trials.values():
            self.following.look(trial, judge=False)
            self.following.end(trial)
            curve = self.curves.setdefault(trial.number, Curve())
            curve.judged = 0
            if trial.status == "running":
                self._adopt(trial)
            if trial.status in ("interrupted", "paused") and trial.point in taken:
                trial.status, trial.cause = "pruned", "another driver of the shared study took it over"
                self.folder.save(trial)
            if trial.status == "failed" and trial.attempts <= self.plan.retries:
                trial.status = "interrupted"
            elif trial.status == "pruned" and trial.paused_at and self.plan.pruner.pauses:
                trial.status = "paused"
            if trial.status == "paused":
                curve.paused_at = trial.paused_at
            curve.completed = trial.status == "completed"

    def _adopt(self, trial: Trial) -> None:
        """A trial whose driver died: it may have ended by itself before its worker was gone."""
        path = self.folder.trial_folder(trial)
        result = read_result(path)
        if self.plan.protocol and result.get("status") in ENDED:
            trial.status, trial.cause, trial.values = reported(path, result, self.plan.objectives)
            trial.scores = scores_of(result)
        else:
            trial.status, trial.cause = "interrupted", "the driver ended before it"
        self.folder.save(trial)

    # The loop -----------------------------------------------------------------------------------------------------

    def run(self, interruption: Interruption) -> None:
        """Go on until every point is done, more trials failed than are put up with, or somebody asks to stop."""
        while not (self.too_many_failures or interruption.asked()):
            while self.launcher.idle and not interruption.asked() and (trial := self.agenda.next()) is not None:
                self._launch(trial, interruption)
            if not self.launcher.jobs:
                break
            self.agenda.look_ahead()
            for outcome in self.launcher.wait(POLL if self.following or self.launcher.count == 1 else LOOK):
                self._finish(outcome)
            self._follow()
            self.notice(self, None)
            if self.tables.due:
                self._write_tables()

    def _follow(self) -> None:
        """Read what running trials report; of many that takes a while, and is then done less often."""
        if (begin := time.monotonic()) > self._look:
            for number in self.launcher.jobs:
                self.following.look(self.trials[number], judge=True)
            took = time.monotonic() - begin
            self._look = begin + took * SHARE

    def stop(self, grace: float) -> None:
        """End the trials under way; those that can save themselves have `grace` seconds for it."""
        running = self.launcher.jobs
        if not running:
            return
        for outcome in self.launcher.close(grace):
            self._finish(outcome)
            running.remove(outcome.job)
        for number in running:
            self._leave(self.trials[number])

    def _leave(self, trial: Trial) -> None:
        trial.status, trial.cause = "interrupted", "the sweep was stopped"
        self.folder.save(trial)

    def conclude(self) -> None:
        """Write the tables a last time. What is still paused will not be promoted any more."""
        if self.over:
            for trial in self.trials.values():
                if trial.status == "paused":
                    trial.status = "pruned"
                    self.folder.save(trial)
        self._write_tables()

    def _write_tables(self) -> None:
        self.tables.write([self.trials[n] for n in sorted(self.trials)], self.results(), self.best())

    # How it stands ------------------------------------------------------------------------------------------------

    @property
    def failures(self) -> int:
        """Trials that failed for good."""
        return sum(t.status == "failed" for t in self.trials.values())

    @property
    def too_many_failures(self) -> bool:
        """Whether the sweep must stop because of them."""
        limit = self.plan.max_failures
        return self.hopeless or (limit is not None and self.failures > limit)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not any(t.status in ("running", "interrupted") for t in self.trials.values()) and not self.agenda.more

    @property
    def points(self) -> int:
        """Points in all."""
        return self.agenda.points

    @property
    def total(self) -> int:
        """Trials in all."""
        return max(len(self.trials), self.points * self.plan.repeats)

    def results(self) -> list[PointResult]:
        """All points."""
        return by_point(self.trials.values(), self.plan.repeats)

    def best(self) -> list[PointResult]:
        """The best point, or the Pareto front."""
        return self._front.points

    def _lose(self, trial: Trial, cause: str) -> None:
        """A trial's machine was lost, which is no failure of the trial, unless that happens wherever it runs."""
        epoch = max(self.curves.setdefault(trial.number, Curve()).scores, default=0)
        trial.losses = 1 if epoch > (trial.lost_at or 0) else trial.losses + 1
        trial.lost_at = epoch
        trial.status, trial.cause = "interrupted", cause
        if trial.losses >= LOSSES:
            trial.status, trial.cause = "failed", f"{cause}, {trial.losses} times where the trial had got no further"

    # Running ------------------------------------------------------------------------------------------------------

    def _launch(self, trial: Trial, interruption: Interruption) -> None:
        folder = self.folder.trial_folder(trial)
        again = trial.ended is not None or trial.status != "running"
        if again:
            for name in ("stop.json", "result.json"):
                (folder / name).unlink(missing_ok=True)
            trial.status, trial.cause, trial.values = "running", None, None
            trial.scores, trial.tested = {}, None
            self.ended.discard(trial.number)
            self.folder.save(trial)
        self.following.begin(trial)
        try:
            config = self.configs.of(trial, folder)
        except ConfigError as error:
            self._finish(Outcome(trial.number, "raised", cause=str(error)))
            return
        self.notice(self, trial)
        job = (trial.number, run_trial, folder, pickle.dumps(config), again)
        if not interruption.attempt(lambda: self.launcher.start(*job, timeout=self.plan.timeout)):
            self._leave(trial)
        self.tables.stale = True

    def _finish(self, outcome: Outcome) -> None:
        """A job ended: note what came of the trial."""
        trial = self.trials[outcome.job]
        folder, objectives = self.folder.trial_folder(trial), self.plan.objectives
        self.following.look(trial, judge=False)
        reason = self.following.end(trial)
        trial.seconds += outcome.seconds
        trial.ended = time.time()
        result = read_result(folder) if self.plan.protocol else {}
        if outcome.kind in ("died", "timeout", "lost") or not (folder / "output.log").exists():
            self.folder.note(trial, outcome.cause)  # others said it themselves
        if outcome.kind in ("died", "timeout"):
            trial.status, trial.cause = "failed", outcome.cause
        elif outcome.kind == "lost" and result.get("status") not in ENDED:
            self._lose(trial, outcome.cause)
        elif result:
            trial.status, trial.cause, trial.values = reported(folder, result, objectives)
            trial.scores = scores_of(result)
        elif outcome.kind == "interrupted":  # before it listened: it goes on from its start
            trial.status, trial.cause = "interrupted", outcome.cause
        elif outcome.kind == "raised":
            trial.status, trial.cause = "failed", outcome.cause
        else:
            try:
                trial.status, trial.cause, trial.values = returned(outcome.value, self.plan)
                trial.scores = outcome.value.scores if isinstance(outcome.value.scores, dict) else {}
            except NoScore as error:
                trial.status, trial.cause = "failed", str(error)
                self.hopeless = not any(t.values for t in self.trials.values())
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
            if outcome.kind != "lost" and trial.attempts <= self.plan.retries and not self.hopeless:
                trial.status = "interrupted"
                self.agenda.again(trial)
        if outcome.kind == "lost" and trial.status == "interrupted":
            self.agenda.again(trial)
        self.folder.save(trial)
        point = summarize(trial.point, self.agenda.members[trial.point], self.plan.repeats)
        self._front.add(point)
        if trial.status in (*FINISHED, "paused"):
            self.ended.add(trial.number)
        if point.status in (*FINISHED, "paused"):
            self.study.tell(point.point, point.status, point.values, notes(point))
        self.tables.stale = True
        self.notice(self, trial)
