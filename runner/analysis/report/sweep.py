"""The report of a sweep: what was best, and how far that can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.numbers import number
from runner.analysis.report.confirmed import confirmation, confirmed_by, said_of_winners
from runner.analysis.report.document import (
    Block,
    Cell,
    Mark,
    Point,
    Report,
    Section,
    Table,
    Words,
    rows_of,
    setting,
    short,
)
from runner.analysis.report.pictures import history_drawn
from runner.analysis.report.provenance import caveats, command, configuration, failures, how_to_reproduce
from runner.analysis.run import Run
from runner.errors import counted
from runner.sweep.folder import SweepFolder
from runner.sweep.importance import importances
from runner.sweep.listing import read_settings
from runner.sweep.results import PointResult, best, by_point
from runner.sweep.space import unescaped
from runner.sweep.trial import Trial

BEST = 10  # points that are told of first
MOST = 2_000  # rows of the table of trials


@dataclass(frozen=True)
class Searched:
    """A sweep as its folder tells it.

    Attributes:
        folder: where it lies.
        settings: the content of ``sweep.yaml``.
        trials: by number.
    """

    folder: Path
    settings: dict[str, Any]
    trials: Sequence[Trial]

    @property
    def objectives(self) -> list[str]:
        """What was searched for."""
        return self.settings["objectives"]  # type: ignore[no-any-return]

    @property
    def signs(self) -> list[float]:
        """1 for each objective of which less is better, else -1."""
        return [1.0 if direction == "minimize" else -1.0 for direction in self.settings["directions"]]

    @property
    def keys(self) -> list[str]:
        """What was searched over."""
        return [str(key) for key in self.settings["space"]]

    @cached_property
    def points(self) -> list[PointResult]:
        """Those whose trials are all completed, the best first by the first objective."""
        found = by_point(self.trials, self.settings["repeats"])
        done = [p for p in found if p.values and len(p.values) == len(self.signs)]
        return sorted(done, key=lambda p: self.signs[0] * p.values[0])  # type: ignore[index]

    @property
    def front(self) -> list[PointResult]:
        """The best point, or those that no other one beats."""
        return best(self.points, self.signs)

    def run(self, trial: Trial) -> Run:
        """The folder of a trial."""
        return Run.read(self.folder / "trials" / trial.folder)

    def values(self, trial: Trial) -> list[str]:
        """Of what was searched over."""
        return [unescaped(trial.params.get(key, "-")) for key in self.keys]

    def named(self, trial: Trial) -> str:
        """A trial by what was searched over."""
        return " ".join(
            f"{k}={short(v)}" for k, v in zip(self.keys, self.values(trial), strict=True) if k in trial.params
        )


def report(folder: Path) -> Report:
    """What a sweep came to.

    Raises:
        ConfigError: its ``sweep.yaml`` can't be read.
    """
    found = Searched(folder, read_settings(folder), SweepFolder(folder).load())
    runs = [(f"trial {trial.number}", found.run(trial)) for trial in found.trials[:MOST]]
    fixed, searched = " ".join(found.settings["fixed"]), ", ".join(found.keys)
    ends = ["less" if sign > 0 else "more" for sign in found.signs]
    better = " and ".join(f"{end} {name}" for end, name in zip(ends, found.objectives, strict=False))
    about = f"Searched by {found.settings['sampler']}; {better} is better{f', with {fixed}' if fixed else ''}."
    return Report(
        "Sweep",
        folder.resolve().name,
        f"Which {searched} is best by {' and '.join(found.objectives)}?" if searched else "How good is it?",
        about,
        _answer(found),
        [
            *confirmation(folder),
            Section("Best points", [*history_drawn(folder), _best_table(found)]),
            *_importances(found),
            *caveats(_caveats(found)),
            Section("Trials", _trials(found)),
            *failures(runs),
            *_configuration(found),
            how_to_reproduce(_commands(found), [run for _, run in runs]),
        ],
    )


def _answer(found: Searched) -> list[Point]:
    if not found.points:
        return [Point("No point has completed yet: nothing is best.", "few")]
    front, said = found.front, []
    for point in front[:BEST]:
        said.append(Point(f"{found.named(point.trials[0])} is best: {_values(found, point)}."))
    if len(front) > 1:
        head = (
            f"{len(front)} of {counted(len(found.points), 'point')} are not beaten by any other one in all objectives."
        )
        return [Point(head), *(Point(point.text.replace(" is best", "")) for point in said)]
    if tested := _tested(front[0]):
        scores = ", ".join(f"{name} {number(value)}" for name, value in tested.items())
        said.append(Point(f"On the test split, which only the winner has seen, once: {scores}."))
    return [*said, *(said_of_winners(found.folder) or [Point(f"{_flattered(found)} {_advice(found)}", "warning")])]


def _spreads(found: Searched, point: PointResult) -> list[tuple[str, float, float | None]]:
    """Objectives of a point with their means, and their standard deviations where it was repeated."""
    deviations: Sequence[float | None] = point.deviations or [None] * len(found.objectives)
    return list(zip(found.objectives, point.values or [], deviations, strict=False))


def _values(found: Searched, point: PointResult) -> str:
    return ", ".join(
        f"{name} {number(value)}" + (f" (mean of {len(point.trials)}, sd {sd:.2g})" if sd is not None else "")
        for name, value, sd in _spreads(found, point)
    )


def _tested(point: PointResult) -> dict[str, float]:
    """Scores on the test split: the mean over the trials of a point."""
    tests = [trial.tested for trial in point.trials if trial.tested]
    shared = [name for name in tests[0] if all(name in test for test in tests)] if tests else []
    return {name: sum(test[name] for test in tests) / len(tests) for name in shared}


def _flattered(found: Searched) -> str:
    return (
        f"The best of {counted(len(found.points), 'point')} is so by luck, too: its {found.objectives[0]} flatters it, "
        "and may not be compared or published."
    )


def _advice(found: Searched) -> str:
    return f"Its worth is known from fresh seeds: {command('sweeps', str(found.folder), '--confirm', '5')}."


def _best_table(found: Searched) -> Table:
    repeated = any(point.deviations for point in found.points)
    rows: list[list[object]] = []
    for rank, point in enumerate(found.points[:BEST], 1):
        row: list[object] = [rank]
        for _, value, sd in _spreads(found, point):
            row += [value, *([Cell("-" if sd is None else f"{sd:.2g}", sd)] if repeated else [])]
        rows.append([*row, *map(setting, found.values(point.trials[0]))])
    columns = [name for objective in found.objectives for name in (objective, *["sd"] * repeated)]
    caption = f"The best {len(rows)} of {counted(len(found.points), 'completed point')}"
    return Table(caption, ("rank", *columns, *found.keys), rows_of(rows))


def _importances(found: Searched) -> list[Section]:
    points = [(p.trials[0].params, p.values[0]) for p in found.points if p.values]
    try:
        shares = importances(found.settings["space"], points)
    except (ValueError, TypeError, KeyError, AttributeError):  # a space of somebody else's making
        return []
    rows = [[Cell(key), Cell(f"{share:.0%}", share, share=share)] for key, share in shares.items()]
    words = Words(
        "The share of the variance among points that each key explains by itself (fANOVA, Hutter et al. 2014), in the "
        "range that was searched. With few points it is a guess."
    )
    table = Table(f"Importance for {found.objectives[0]}", ("key", "share"), rows)
    return [Section("What matters", [table, words])] if rows else []


def _caveats(found: Searched) -> list[str]:
    counts = Counter(trial.status for trial in found.trials)
    said = [f"{counted(len(found.trials), 'trial')}: {', '.join(f'{n} {status}' for status, n in counts.items())}."]
    if found.points:
        said.append(_flattered(found) if confirmed_by(found.folder) else f"{_flattered(found)} {_advice(found)}")
    if fixed := " ".join(found.settings["fixed"]):
        said.append(f"All trials have in common: {fixed}. What is best holds for these.")
    if found.settings["repeats"] == 1:
        said.append("Each point was tried once: how much its score varies with the seed is not known.")
    tested = sum(bool(trial.tested) for trial in found.trials)
    said.append(f"{counted(tested, 'trial')} of {len(found.trials)} were looked at on the test split.")
    return said


def _trials(found: Searched) -> list[Block]:
    rows: list[list[object]] = []
    for trial in found.trials[:MOST]:
        marked: Mark = "warning" if trial.status == "failed" else ""
        values = [*(trial.values or []), *[None] * len(found.objectives)][: len(found.objectives)]
        settings = map(setting, found.values(trial))
        status = Cell(trial.status, mark=marked)
        rows.append([trial.number, status, *values, *settings, Cell(f"{trial.seconds:.1f}", trial.seconds)])
    left = len(found.trials) - len(rows)
    table = Table("Every trial", ("trial", "status", *found.objectives, *found.keys, "seconds"), rows_of(rows))
    return [table, *([Words(f"{left:,} more are in trials.csv.")] if left else [])]


def _configuration(found: Searched) -> list[Section]:
    if not found.front:
        return []
    trial = found.front[0].trials[0]
    blocks = configuration(found.run(trial), f"config.yaml of trial {trial.number}, the best")
    return [Section("Configuration", blocks, folded=True)] if blocks else []


def _commands(found: Searched) -> list[str]:
    settings: Mapping[str, Any] = found.settings
    lines = [command("--multirun", *settings["hydra_arguments"], *settings["arguments"])]
    if found.front:
        best_run = str(found.folder / "trials" / found.front[0].trials[0].folder)
        lines.append(command("rerun", best_run))
    return lines
