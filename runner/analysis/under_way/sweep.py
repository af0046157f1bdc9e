"""A sweep under way, followed by what its folder says from look to look."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from runner.analysis.run import number
from runner.analysis.under_way.run import RunUnderWay, changed_at
from runner.errors import ConfigError
from runner.record.lock import Lock
from runner.record.reading import read_json
from runner.sweep.folder import SweepFolder
from runner.sweep.listing import read_settings
from runner.sweep.results import PointResult, best, by_point
from runner.sweep.trial import Trial, from_record

REPEATED = ("seed", "data.fold", "data.split_seed")
ENDED = ("completed", "pruned", "paused", "failed")


class SweepUnderWay:
    """A sweep whose trials are read as they change.

    Args:
        path: its folder.

    Attributes:
        alive: whether its driver is at work, or the ablation that it belongs to.
        trials: by the name of their folders.
        running: the runs of those under way, likewise.
        settings: what ``sweep.yaml`` holds; empty where it can't be read.
        ablation: what ``ablation.json`` holds; empty where there is none.
    """

    def __init__(self, path: Path) -> None:
        self.folder = SweepFolder(path)
        self.path = path
        self.trials: dict[str, Trial] = {}
        self.running: dict[str, RunUnderWay] = {}
        self.settings: dict[str, Any] = {}
        self.start: dict[str, Any] = {}
        self.ablation: dict[str, Any] = {}
        self.alive = False
        self._changed: dict[str, int] = {}
        self._notes: dict[str, str] = {}

    def look(self) -> None:
        """Take what is new."""
        self.alive = self.folder.locked or Lock(self.path / "ablation.lock").held  # which starts several sweeps
        if self._is_new("sweep.yaml"):
            try:
                self.settings = read_settings(self.path)
            except ConfigError as error:
                self._notes["sweep.yaml"] = str(error)
        self.start, self.ablation = self._json("driver.json", self.start), self._json("ablation.json", self.ablation)
        try:
            names = {entry.name for entry in os.scandir(self.folder.trials) if not entry.name.startswith(".")}
        except OSError:
            names = set()
        self.trials = {name: trial for name, trial in self.trials.items() if name in names}
        for name in sorted(names):
            self._look_at(name)
        under_way = [name for name, trial in self.trials.items() if self.alive and trial.status == "running"]
        self.running = {name: self.running.get(name) or RunUnderWay(self.folder.trials / name) for name in under_way}
        for run in self.running.values():
            run.look()

    def _look_at(self, name: str) -> None:
        if not self._is_new(f"trials/{name}/trial.json"):
            return
        try:
            self.trials[name] = from_record(read_json(self.folder.trials / name / "trial.json"), name)
            self._notes.pop(name, None)
        except ValueError as error:
            self._notes[name] = f"trials/{name}: {error}"

    def _is_new(self, name: str) -> bool:
        """Whether a file has changed since this was last asked."""
        before, self._changed[name] = self._changed.get(name, 0), changed_at(self.path / name)
        return self._changed[name] != before

    def _json(self, name: str, before: dict[str, Any]) -> dict[str, Any]:
        if not self._is_new(name):
            return before
        try:
            return read_json(self.path / name)
        except ValueError as error:
            self._notes[name] = str(error)
            return before

    @property
    def status(self) -> str:
        """As of a run: one whose driver is gone was interrupted, unless it says how it ended."""
        if self.alive:
            return "running"
        if changed_at(self.folder.result) < changed_at(self.folder.driver):  # that of an earlier start
            return "interrupted"
        try:
            said = read_json(self.folder.result).get("status")
        except ValueError:
            said = None
        return str(said) if said in ("completed", "failed", "interrupted") else "interrupted"

    @property
    def counts(self) -> Counter[str]:
        """Trials by status; those of a driver that is gone are interrupted."""
        return Counter(
            "interrupted" if trial.status == "running" and not self.alive else trial.status
            for trial in self.trials.values()
        )

    @property
    def ended(self) -> int:
        """Trials that have ended."""
        return sum(self.counts[status] for status in ENDED)

    @property
    def total(self) -> int | None:
        """Trials in all; None where its driver has not said it yet."""
        said = number(self.start.get("trials"))
        return max(int(said), len(self.trials)) if said is not None else None

    @property
    def workers(self) -> int | None:
        """Trials at the same time."""
        said = number(self.start.get("workers"))
        return int(said) if said is not None and said >= 1 else None

    def since(self, name: str) -> float:
        """When a running trial began, this time."""
        return self.running[name].since or self.trials[name].started

    def utilization(self, now: float) -> float | None:
        """The share of its workers' time since its last start in which they had a trial."""
        began = number(self.start.get("started"))
        if began is None or self.workers is None or now <= began:
            return None
        busy = sum(now - max(began, self.since(name)) for name in self.running)
        for trial in self.trials.values():
            if trial.ended is not None and trial.ended > began and trial.status != "running":
                busy += min(trial.seconds, trial.ended - began)
        return min(1.0, max(0.0, busy / (self.workers * (now - began))))

    def seconds_left(self, now: float) -> float | None:
        """A guess from what trials took so far; None before the first has ended."""
        took = [trial.seconds for trial in self.trials.values() if trial.status in ENDED]
        if not took or self.total is None:
            return None
        mean = sum(took) / len(took)
        waiting = max(0, self.total - self.ended - len(self.running)) * mean
        waiting += sum(max(0.0, mean - (now - self.since(name))) for name in self.running)
        return waiting / (self.workers or 1)

    @property
    def points(self) -> list[PointResult]:
        """Its configurations, each with its repeats."""
        return by_point(self.trials.values(), self.settings.get("repeats") or 1)

    @property
    def best(self) -> list[PointResult]:
        """The best configuration so far, or those that no other one beats."""
        return best(
            self.points, [-1.0 if d == "maximize" else 1.0 for d in self.settings.get("directions") or ["minimize"]]
        )

    @property
    def configurations(self) -> dict[str, list[Trial]]:
        """Its trials by what they were set to, but for their seeds and parts of the data; of an ablation by arm."""
        arms = self.ablation.get("arms")
        found: dict[str, list[Trial]] = {}
        for trial in self.trials.values():
            words = [f"{key}={value}" for key, value in trial.params.items() if key not in REPEATED]
            own = (arm for arm in (arms if isinstance(arms, dict) else ()) if set(arm.split(" ")) <= set(words))
            found.setdefault(next(own, " ".join(words)), []).append(trial)
        return found

    @property
    def notes(self) -> list[str]:
        """What could not be read."""
        return list(self._notes.values())
