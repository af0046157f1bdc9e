"""A run under way, followed by what its folder says from look to look."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from runner.analysis.run import Run, number
from runner.engine.metric import Direction
from runner.record.lock import Lock
from runner.sweep.folder import Follower

RECENT = 5  # epochs of whose times the rest of a run is told
FILES = ("manifest.json", "result.json", "config.yaml", "trial.json")


class RunUnderWay:
    """A run whose scores are read as they are added.

    Args:
        path: its folder.

    Attributes:
        run: what the small files say; read again when one of them has changed.
        rows: the lines of ``metrics.jsonl`` so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self._follower = Follower(path / "metrics.jsonl")
        self._changed: list[int] | None = None
        self._told = 0.0

    def look(self) -> None:
        """Take what is new."""
        if (changed := [changed_at(self.path / name) for name in FILES]) != self._changed:
            self.run, self._changed = Run.read(self.path), changed
        self.since = changed_at(self.path / "run.lock") / 1e9
        at_work = Lock(self.path / "run.lock").holder is not None
        # One that is resumed has the result of its last end until it goes on.
        self.status = "running" if at_work else self.run.status
        identity, offset = self._follower.identity, self._follower.offset
        new = self._follower.lines()
        if self._follower.identity != identity or self._follower.offset < offset:  # written anew, as on resume
            self.rows = []
        if new:
            self.rows += new
            self._told = changed_at(self.path / "metrics.jsonl") / 1e9

    @property
    def epoch(self) -> int:
        """Epochs that it has completed."""
        found = self.rows[-1].get("epoch") if self.rows else None
        return found if isinstance(found, int) else 0

    @property
    def length(self) -> tuple[str, int, int] | None:
        """How far it is: ``epoch`` or, where only these are limited, ``step``; so many, of how many."""
        steps, epochs = number(self.run.settings.get("trainer.max_steps")), number(self._setting("max_epochs"))
        if steps is not None:
            found = number(self.rows[-1].get("step")) if self.rows else 0.0
            return "step", int(found or 0), int(steps)
        return ("epoch", self.epoch, int(epochs)) if epochs is not None else None

    def _setting(self, name: str) -> Any:
        return self.run.settings.get(f"trainer.{name}")

    @property
    def monitor(self) -> str:
        """The score by which it is judged."""
        return self.run.monitor

    @property
    def scores(self) -> dict[str, float]:
        """The last scores of both parts: the loss, and what the run is judged by."""
        last = self.rows[-1] if self.rows else {}
        names = dict.fromkeys(["train/loss", "val/loss", self.monitor])
        more = [name for name in last if name.startswith("val/") and not name.endswith("loss")][:1]
        found = {name: number(last.get(name)) for name in [*names, *more]}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def curve(self) -> list[float | None]:
        """The monitored score by epoch; None where it was not measured, or was no number."""
        return [number(row.get(self.monitor)) for row in self.rows]

    @property
    def direction(self) -> Direction | None:
        """In which the monitored score improves; None where nothing says it."""
        return self.run.direction(self.monitor)

    @property
    def best(self) -> float | None:
        """The best of the monitored score so far."""
        values = [value for value in self.curve if value is not None]
        return {"min": min, "max": max}[self.direction](values) if values and self.direction else None

    @property
    def samples_per_second(self) -> float | None:
        """Training examples per second in the last epochs, their evaluations included."""
        data = self.run.manifest.get("data")
        examples = number(data.get("train")) if isinstance(data, dict) else None
        seconds, steps = self._recent(RECENT)
        if examples is None or not seconds or not steps:
            return None
        updates = [self.run.settings.get("data.batch_size"), self._setting("accumulate")]
        known = [value for value in map(number, updates) if value is not None]
        return (min(examples, steps * known[0] * known[1]) if len(known) == 2 else examples) / seconds

    def _recent(self, epochs: int) -> tuple[float | None, float | None]:
        """Mean seconds and steps of the last epochs."""
        lines: list[dict[str, Any]] = [{"time": 0.0, "step": 0}, *self.rows][-epochs - 1 :]
        found = []
        for name in ("time", "step"):
            first, last = number(lines[0].get(name)), number(lines[-1].get(name))
            found.append((last - first) / (len(lines) - 1) if None not in (first, last) and len(lines) > 1 else None)  # type: ignore[operator]
        return found[0], found[1]

    def seconds_left(self, now: float | None = None) -> float | None:
        """A guess from its last epochs, at most until its time limit; None before the first one."""
        seconds, steps = self._recent(RECENT)
        if not seconds or not self.rows:
            return None
        said = number(self.rows[-1].get("time")) or 0.0
        limits = []
        if (epochs := number(self._setting("max_epochs"))) is not None:
            limits.append((epochs - self.epoch) * seconds)
        if (most := number(self._setting("max_steps"))) is not None and steps:
            limits.append((most - (number(self.rows[-1].get("step")) or 0.0)) / steps * seconds)
        if (limit := number(self._setting("max_time"))) is not None:
            limits.append(limit - said)
        passed = (time.time() if now is None else now) - self._told
        return max(0.0, min(limits) - max(0.0, passed)) if limits else None

    @property
    def notes(self) -> list[str]:
        """What could not be read, and why it ended."""
        _ = self.run.settings
        why = self.run.cause if self.status != "running" else ""
        return list(dict.fromkeys([*self.run.notes, *filter(None, [why])]))


def changed_at(path: Path) -> int:
    """When a file was changed, in ns; 0 where there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
