"""The winner of a search, run again on seeds that no trial of the search used, beside the default configuration."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.run import Run
from runner.analysis.statistics.comparison import Comparison, compare
from runner.analysis.statistics.evidence import Direction, Scores
from runner.analysis.statistics.selection import Confirmation as Shown
from runner.analysis.statistics.selection import confirm
from runner.analysis.statistics.spread import Spread
from runner.errors import ConfigError
from runner.record.files import finite, write_json
from runner.sweep.folder import SweepFolder
from runner.sweep.listing import read_settings
from runner.sweep.results import PointResult, best, by_point
from runner.sweep.trial import FINISHED, Trial
from runner.sweep.verdict import read_result

DEFAULT = "default"
APART = 1000  # fresh seeds begin at a multiple of it, so that more repeats of the search don't reach them


@dataclass(frozen=True)
class Search:
    """What a sweep has found.

    Attributes:
        folder: the sweep's.
        settings: its ``sweep.yaml``.
        trials: all that lie there.
        front: the best point, or the Pareto front; each with its trials.
    """

    folder: Path
    settings: Mapping[str, Any]
    trials: Sequence[Trial]
    front: Sequence[PointResult]

    @classmethod
    def read(cls, folder: Path) -> Search:
        """What lies in a folder.

        Raises:
            ConfigError: it is no search, nothing was found, or what was found is gone.
        """
        settings = read_settings(folder)
        if settings["sampler"] == "listed":
            raise ConfigError(
                f"{folder}: nothing was searched there, its points were given, as those of an ablation are."
            )
        trials = SweepFolder(folder).load()
        _check(folder, settings, trials)
        signs = [1.0 if d == "minimize" else -1.0 for d in settings["directions"]]
        told = read_result(folder).get("best")
        said = [entry.get("trial") for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
        if gone := [number for number in said if number not in {trial.number for trial in trials}]:
            raise ConfigError(
                f"{folder}: trial {gone[0]} is the best by result.json, and its folder in trials/ is gone or damaged. "
                "The sweep's own command, or `resume`, puts result.json right."
            )
        front = best(by_point(trials, settings["repeats"]), signs)
        if not front:
            raise ConfigError(f"{folder}: no trial has completed with a score, so there is no winner.")
        return cls(folder, settings, trials, front)

    @property
    def key(self) -> str:
        """What tells runs of one configuration apart: ``seed``."""
        return str(self.settings.get("repeat_key", "seed"))

    @property
    def objectives(self) -> dict[str, Direction]:
        """What was searched for."""
        directions = self.settings["directions"]
        return {
            name: "max" if direction == "maximize" else "min"
            for name, direction in zip(self.settings["objectives"], directions, strict=True)
        }

    @property
    def ended(self) -> bool:
        """Whether every trial has, and the sweep too."""
        return read_result(self.folder).get("status") in ("completed", "failed") and all(
            trial.status in FINISHED for trial in self.trials
        )

    @property
    def tried(self) -> int:
        """Points that completed, of which the winner is the best."""
        return len({trial.point for trial in self.trials if trial.status == "completed"})

    @cached_property
    def used(self) -> set[int]:
        """The seeds of all trials."""
        return {seed for trial in self.trials if (seed := seed_of(trial, self.key)) is not None}

    @property
    def first_fresh(self) -> int:
        """The first seed of the confirmation, above all of the search; a function of what the folder holds."""
        return (max([0, *self.used]) // APART + 1) * APART

    def place(self, point: PointResult | None) -> Path:
        """Where the fresh runs of a point lie, or those of the default configuration."""
        name = DEFAULT if point is None else f"trial-{point.trials[0].number:04d}"
        return self.folder / "confirmation" / name

    def words(self, point: PointResult | None) -> list[str]:
        """The overrides of a point, or of the default configuration: what all trials have in common; without a seed."""
        lines = self.settings["fixed"] if point is None else point.trials[0].overrides
        return [line for line in lines if line.lstrip("+").partition("=")[0] != self.key]


# What may stand in front of a fresh seed; the record of a sweep may come from somebody else.
_KEY = re.compile(r"(?!hydra\b|trusted_targets\b)[A-Za-z_]\w*(\.\w+)*")


def _check(folder: Path, settings: Mapping[str, Any], trials: Sequence[Trial]) -> None:
    """Refuse a sweep whose records don't fit together."""
    objectives, path = settings["objectives"], SweepFolder(folder).settings
    if not objectives or len(settings["directions"]) != len(objectives) or settings["repeats"] < 1:
        raise ConfigError(f"{path}: it has {len(objectives)} objectives and {len(settings['directions'])} directions.")
    if not _KEY.fullmatch(key := str(settings.get("repeat_key", "seed"))):
        raise ConfigError(f"{path}: repeat_key: {key} is no key of a configuration.")
    if not isinstance(settings.get("config_dir"), str | None):
        raise ConfigError(f"{path}: config_dir: {settings['config_dir']} is no folder.")
    for trial in trials:
        if trial.values and len(trial.values) != len(objectives):
            raise ConfigError(f"{folder}/trials/{trial.folder}: its record is damaged: values are {trial.values}.")


def seed_of(trial: Trial, key: str) -> int | None:
    """The number by which a trial differs from its repeats; None where its configuration does not tell."""
    node: Any = trial.config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, int) else None


def name_of(point: PointResult) -> str:
    """What a point is called: ``trial 19``."""
    return f"trial {point.trials[0].number}"


@dataclass(frozen=True)
class Confirmation:
    """Fresh runs of what a search has found.

    Attributes:
        search: what it has found.
        runs: the trials of each winner that has fresh runs, and of the default configuration where it was run.
    """

    search: Search
    runs: Mapping[str, Sequence[Trial]]

    @classmethod
    def read(cls, search: Search) -> Confirmation:
        """What lies in the search's folder. It may be nothing, and of winners that are none any more it is left out."""
        points: dict[str, PointResult | None] = {DEFAULT: None} | {name_of(point): point for point in search.front}
        runs = {name: _ended(SweepFolder(search.place(point))) for name, point in points.items()}
        return cls(search, {name: trials for name, trials in runs.items() if trials})

    @property
    def winners(self) -> list[PointResult]:
        """Those of the front that have fresh runs."""
        return [point for point in self.search.front if name_of(point) in self.runs]

    def scores(self, name: str, score: str) -> Scores:
        """A score of fresh runs by seed; None where a run failed. Empty where completed runs have no such score."""
        key = self.search.key
        found: dict[Hashable, float | None] = {}
        for trial in self.runs.get(name, ()):
            value = scores_of(trial, self.search.objectives).get(score)
            if trial.status == "failed" or value is not None:
                found[seed_of(trial, key)] = value if trial.status == "completed" else None
        return found if any(value is not None for value in found.values()) or score in self.search.objectives else {}

    def shown(self, point: PointResult, objective: str) -> Shown:
        """What the search overstated of an objective.

        Raises:
            ConfigError: the search has used a fresh seed since.
        """
        found = (point.values or [])[list(self.search.objectives).index(objective)]
        fresh = self.scores(name_of(point), objective)
        try:
            return confirm(found, self.search.used, fresh, self.search.objectives[objective])
        except ValueError as error:
            raise ConfigError(f"{self.search.place(point)}: not fresh any more. {error}") from None

    def judged(self, objective: str) -> str:
        """The score by which winners are compared with the default configuration.

        That of the test split, whose examples chose nothing; the objective itself where it has none there.
        """
        part, _, name = objective.partition("/")
        tested = f"test/{name}"
        return tested if part == "val" and all(self.scores(arm, tested) for arm in self.runs) else objective

    def comparisons(self, objective: str) -> dict[str, Comparison]:
        """Each winner against the default configuration, on the same seeds; none where that was not run."""
        changed = [key for key in self.search.settings["space"] if key.lstrip("+").partition(".")[0] == "loss"]
        if DEFAULT not in self.runs or (objective.endswith("/loss") and changed):  # two losses are no two scores
            return {}
        score, trials = self.judged(objective), self.runs[DEFAULT]
        part, ratio = score.partition("/")[0], 0.0
        if self.search.key != "seed":
            folders = [self.search.place(None) / "trials" / trial.folder for trial in trials]
            ratio = max(Run.read(folder).part_to_train(part) for folder in folders)
        names = [DEFAULT, *map(name_of, self.winners)]
        arms = {name: self.scores(name, score) for name in names}
        return compare(arms, self.search.objectives[objective], test_to_train=ratio)

    def record(self) -> dict[str, Any]:
        """All of it in plain containers: what ``confirmation.json`` holds."""
        search = self.search
        against = {objective: self.comparisons(objective) for objective in search.objectives}
        return {
            "objectives": search.objectives,
            "points": search.tried,
            "search_ended": search.ended,
            "varied": search.key,
            "seeds": {name: [seed_of(trial, search.key) for trial in trials] for name, trials in self.runs.items()},
            "winners": [
                {
                    "trial": point.trials[0].number,
                    "overrides": [f"{key}={text}" for key, text in point.trials[0].params.items()],
                    "folder": str(search.place(point).relative_to(search.folder)),
                    "confirmed": {name: asdict(self.shown(point, name)) for name in search.objectives},
                    "scores": self._spreads(name_of(point)),
                    "searched": _spreads(point.trials, search.objectives),
                    "compared_by": {name: self.judged(name) for name in search.objectives},
                    "comparison": {
                        name: asdict(found[name_of(point)]) if found else None for name, found in against.items()
                    },
                }
                for point in self.winners
            ],
            "default": {
                "overrides": search.words(None),
                "folder": str(search.place(None).relative_to(search.folder)),
                "scores": self._spreads(DEFAULT),
            }
            if DEFAULT in self.runs
            else None,
        }

    def _spreads(self, name: str) -> dict[str, Any]:
        return _spreads(self.runs[name], self.search.objectives)

    def write(self) -> None:
        """Write ``confirmation.json``."""
        write_json(self.search.folder / "confirmation.json", finite(self.record()))


def _ended(folder: SweepFolder) -> list[Trial]:
    return [trial for trial in folder.load() if trial.status in ("completed", "failed")]


def scores_of(trial: Trial, objectives: Sequence[str] | Mapping[str, Any]) -> dict[str, float]:
    """All scores of a trial: ``val/loss``, and ``test/loss`` where it was tested."""
    own = {f"test/{name}": value for name, value in (trial.tested or {}).items()}
    return {**trial.scores, **dict(zip(objectives, trial.values or [], strict=False)), **own}


def _spreads(trials: Sequence[Trial], objectives: Mapping[str, Direction]) -> dict[str, Any]:
    tables = [scores_of(trial, objectives) if trial.status == "completed" else {} for trial in trials]
    names = dict.fromkeys(name for table in tables for name in table)
    failed = [trial.status == "failed" for trial in trials]
    return {
        name: asdict(Spread.of(None if f else t[name] for t, f in zip(tables, failed, strict=True) if f or name in t))
        for name in names
    }
