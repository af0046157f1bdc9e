"""Running trials followed by what they write, and stopped where the pruner says so."""

from __future__ import annotations

import json
import math

from runner.sweep.folder import Follower, SweepFolder, write
from runner.sweep.plan import Plan
from runner.sweep.pruning import Curve
from runner.sweep.study import Study
from runner.sweep.trial import Trial


class Following:
    """Reads what trials report by epoch.

    Args:
        plan: what the sweep is to do.
        folder: its folder.
        study: hears each score too.

    Attributes:
        curves: by trial, what it reported; costs, so that less is better.
    """

    def __init__(self, plan: Plan, folder: SweepFolder, study: Study) -> None:
        self.plan, self.folder, self.study = plan, folder, study
        self.curves: dict[int, Curve] = {}
        self._followers: dict[int, Follower] = {}
        self._stopping: dict[int, str] = {}

    def __bool__(self) -> bool:
        """Whether anything is being followed."""
        return bool(self._followers)

    def scores(self) -> dict[int, dict[int, float]]:
        """What trials reported, by their number and by epoch; nothing where there are several objectives."""
        sign = self.plan.signs[0]
        curves = self.curves if len(self.plan.objectives) == 1 else {}
        return {number: {e: sign * cost for e, cost in curve.scores.items()} for number, curve in curves.items()}

    def begin(self, trial: Trial) -> None:
        """Follow a trial from the first line of its file."""
        if self.plan.protocol:
            self._followers[trial.number] = Follower(self.folder.trial_folder(trial) / "metrics.jsonl")

    def look(self, trial: Trial, judge: bool) -> None:
        """Read what the trial reported since the last look.

        Args:
            trial: whose file.
            judge: whether it may be stopped because of that.
        """
        if not self.plan.protocol:
            return
        number, name, sign = trial.number, self.plan.objectives[0], self.plan.signs[0]
        curve = self.curves.setdefault(number, Curve())
        path = self.folder.trial_folder(trial) / "metrics.jsonl"
        for line in self._followers.setdefault(number, Follower(path)).lines():
            epoch, value = line.get("epoch"), line.get(name, "")
            value = math.nan if value is None else value
            if not isinstance(epoch, int) or not isinstance(value, (int, float)):
                continue
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

    def end(self, trial: Trial) -> str | None:
        """Follow a trial no longer; gives why it was stopped, if it was."""
        self._followers.pop(trial.number, None)
        return self._stopping.pop(trial.number, None)
