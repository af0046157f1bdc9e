"""One run or trial as its folder tells it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.directions import direction_of
from runner.analysis.settings import flat_settings, flatten, shown
from runner.engine.metric import Direction
from runner.engine.monitor import canonical
from runner.record.lock import Lock
from runner.record.reading import read, read_json, read_lines

STATUSES = ("completed", "pruned", "failed", "interrupted", "running", "paused")


@dataclass
class Run:
    """What is known of a run.

    Attributes:
        path: its folder.
        notes: what could not be read, and what else there is to say.
        manifest: where it comes from; empty where that is not known.
        result: how it ended; empty where it has not.
        trial: its record as a trial of a sweep; empty where it is none.
    """

    path: Path
    notes: list[str] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    trial: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read the small files of a run's folder. Nothing is refused: `notes` say what is wrong with it."""
        run = cls(path)
        run.manifest, run.result, run.trial = (
            run._json(path / name) for name in ("manifest.json", "result.json", "trial.json")
        )
        if not run.manifest and not run.trial and not run.notes:
            run.notes.append("no manifest.json")
        return run

    def _json(self, path: Path) -> dict[str, Any]:
        try:
            return read_json(path)
        except ValueError as error:
            self.notes.append(str(error))
            return {}

    @property
    def foreign(self) -> bool:
        """Whether it is a trial of another application, which keeps no run folder of ours."""
        config = self.trial.get("config")
        return bool(self.trial) and not self.manifest and not (isinstance(config, dict) and "trainer" in config)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What it was set to, by key; see `runner.analysis.settings.flat_settings`."""
        config = self.trial.get("config")
        try:
            if self.foreign:
                params = self.trial.get("params")
                return {str(k): _value(v) for k, v in params.items()} if isinstance(params, dict) else {}
            try:
                if found := flat_settings(read(self.path / "config.yaml").decode()):
                    return {"model": "ensemble", **found} if "ensemble.members" in found else found
                raise ValueError("empty")
            except FileNotFoundError:  # a trial that waits for its turn
                if isinstance(config, dict):
                    return flatten(config)
                raise
        except OSError as error:
            self.notes.append(
                "no config.yaml"
                if isinstance(error, FileNotFoundError)
                else f"config.yaml can't be read ({error.strerror or error})"
            )
        except ValueError as error:
            self.notes.append(f"config.yaml is damaged ({error})")
        return {}

    @cached_property
    def status(self) -> str:
        """One of `STATUSES`; running, while a process is at work on it or on its sweep, else it was interrupted."""
        said = [record.get("status") for record in (self.result, self.trial, self.manifest)]
        ended = next((status for status in said if status in STATUSES and status != "running"), None)
        if self.result and ended:
            return str(ended)
        if Lock(self.path / "run.lock").held:
            return "running"
        waits = self.trial.get("status") == "running" and Lock(self.path.absolute().parent.parent / "driver.lock").held
        return str(ended or ("running" if waits else "interrupted"))

    @property
    def started(self) -> str:
        """When: ``2026-01-31 23:59:59``."""
        return _text(self.manifest.get("started")).replace("T", " ")[:19] or self._trial_started

    @property
    def _trial_started(self) -> str:
        from datetime import datetime

        seconds = number(self.trial.get("started"))
        try:
            return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}" if seconds is not None else ""
        except (ValueError, OverflowError, OSError):
            return ""

    @property
    def task(self) -> str:
        """What was predicted; empty where that is not known."""
        return _text(self.manifest.get("task"))

    @property
    def variant(self) -> str:
        """What was made of its parent, as it was asked for: ``quantize static``; empty where it was trained itself."""
        chosen = {key.rpartition(".")[2]: v for key, v in self.settings.items() if key.startswith("variant.")}
        return " ".join(name if value is True else shown(value) for name, value in chosen.items() if value)

    @property
    def parent(self) -> str:
        """The run that it was made of, by its folder; empty where it was made of none."""
        return _text(_dict(self.manifest.get("parent")).get("path"))

    @property
    def fingerprint(self) -> str:
        """Of its data; empty where that is not known."""
        return _text(_dict(self.manifest.get("data")).get("fingerprint"))

    def examples(self, part: str) -> float | None:
        """How many examples a part of its data has; None where that is not known."""
        return number(_dict(self.manifest.get("data")).get(part))

    def part_to_train(self, part: str) -> float:
        """Examples of a part of its data as a multiple of those that it learned from; 0 where that is not known."""
        judged, learned = self.examples(part), self.examples("train")
        return judged / learned if judged and learned else 0.0

    @cached_property
    def monitor(self) -> str:
        """The score by which it is judged; empty where that is not known."""
        if self.foreign:
            return next(iter(self._objectives), "")
        return _text(self.result.get("monitor")) or canonical(_text(self.settings.get("monitor")))

    @cached_property
    def _objectives(self) -> dict[str, Direction]:
        """The objectives of the sweep that it is a trial of, with their directions."""
        from runner.errors import ConfigError
        from runner.sweep.listing import read_settings

        try:
            settings = read_settings(self.path.resolve().parent.parent)
        except ConfigError as error:
            self.notes.append(str(error))
            return {}
        directions: list[Direction] = ["max" if d == "maximize" else "min" for d in settings["directions"]]
        return dict(zip(settings["objectives"], directions, strict=False))

    def direction(self, score: str) -> Direction | None:
        """Whether less or more of a score is better; None where nothing says it."""
        if self.foreign:
            return self._objectives.get(score)
        mode = self.settings.get("mode")
        if score == self.monitor and mode in ("min", "max"):
            return mode  # type: ignore[no-any-return]
        return direction_of(score) or (self._direction_seen if score == self.monitor else None)

    @cached_property
    def _direction_seen(self) -> Direction | None:
        """Of the monitored score, by which of its epochs was taken for the best."""
        best, column = number(self.result.get("best_value")), [number(row.get(self.monitor)) for row in self.metrics]
        values = [value for value in column if value is not None]
        if best is None or not values or min(values) == max(values):
            return None
        return "min" if best == min(values) else "max" if best == max(values) else None

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """Its scores by epoch."""
        try:
            return read_lines(self.path / "metrics.jsonl")
        except ValueError as error:
            self.notes.append(str(error))
            return []

    @cached_property
    def best_epoch(self) -> int | None:
        """The epoch that was best by the monitored score."""
        if "best_epoch" in self.result:
            return _whole(self.result["best_epoch"])
        seen = [(number(row.get(self.monitor)), row) for row in self.metrics]
        seen = [(value, row) for value, row in seen if value is not None]
        direction = self.direction(self.monitor) if seen else None
        if direction is None:
            return None
        best = (min if direction == "min" else max)(seen, key=lambda entry: entry[0])  # type: ignore[arg-type, return-value]
        return _whole(best[1].get("epoch"))

    @cached_property
    def scores(self) -> dict[str, float]:
        """Scores of the best epoch: ``val/accuracy``, ``train/loss``, ``test/accuracy``; and what it cost."""
        found: dict[str, float] = {}
        parts = {part: _dict(self.result.get(part)) for part in ("train", "val", "test")}
        if any(parts.values()):
            found = {f"{part}/{name}": value for part, scores in parts.items() for name, value in scores.items()}
            if "best_value" in self.result:  # not so of an ensemble
                found[self.monitor] = self.result["best_value"]
        elif self.trial and (self.foreign or _dict(self.trial.get("scores"))):
            values = self.trial.get("values")
            found = dict(zip(self._objectives, values, strict=False)) if isinstance(values, list) else {}
            found |= _dict(self.trial.get("scores"))
        elif self.best_epoch is not None:
            row = next((row for row in self.metrics if row.get("epoch") == self.best_epoch), {})
            found = {name: value for name, value in row.items() if "/" in name}
        found |= {f"test/{name}": value for name, value in _dict(self.trial.get("tested")).items()}
        found |= {name: self.result[name] for name in ("samples_per_second", "parameters") if name in self.result}
        known = {name: number(value) for name, value in found.items()}
        return {name: value for name, value in known.items() if name and value is not None}

    @property
    def epochs(self) -> int | None:
        """How many it has completed; of one under way those that were told of."""
        if "epochs" in self.result:
            return _whole(self.result["epochs"])
        return _whole(self.metrics[-1].get("epoch")) if self.metrics else None

    @property
    def seconds(self) -> float | None:
        """How long it took; of one under way until its last epoch."""
        said = number(self.result.get("seconds"))
        if said is None and self.metrics:
            said = number(self.metrics[-1].get("time"))
        return said if said is not None else number(self.trial.get("seconds"))

    @property
    def cause(self) -> str:
        """Why it ended otherwise than by completing; empty where there is nothing to say."""
        return _text(self.result.get("cause")) or _text(self.trial.get("cause"))


def number(value: Any) -> float | None:
    """A finite number as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _value(text: Any) -> Any:
    """A value of a search space, which keeps texts."""
    try:
        return int(text) if str(text).lstrip("-").isdecimal() else float(text)
    except (ValueError, TypeError):
        return text
