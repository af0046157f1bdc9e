"""The report of several runs: which configuration is better."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runner.analysis.compared import Compared, compared
from runner.analysis.compared_table import columns, is_number, sentences
from runner.analysis.folders import runs_of
from runner.analysis.groups import Groups, group
from runner.analysis.numbers import number
from runner.analysis.report.document import Cell, Point, Report, Section, Table, rows_of, setting
from runner.analysis.report.pictures import means_drawn
from runner.analysis.report.provenance import caveats, command, configuration, failures, how_to_reproduce
from runner.analysis.report.verdicts import mark, sentence
from runner.analysis.run import Run
from runner.errors import counted

_NUMBER = re.compile(r"[+-]?\d[\d.]*(?:e[+-]?\d+)?")


def report(words: Sequence[str]) -> Report:
    """What `compare` says of runs, sweeps and patterns.

    Raises:
        ConfigError: as of `runner.analysis.folders.runs_of` and `runner.analysis.groups.group`.
    """
    runs = [Run.read(folder) for folder in runs_of(words)]
    groups = group(runs)
    found = compared(groups)
    score = groups.scores[0]
    better = {"min": "less is better", "max": "more is better", None: "no direction known"}[groups.directions[0]]
    named = [(str(run.path), run) for run in runs]
    title = Path(words[0]).resolve().name if len(words) == 1 else f"{counted(len(found.lines), 'configuration')}"
    settings = [
        block for line in found.lines[:10] for block in configuration(line.group.all[0], f"config.yaml of {line.name}")
    ]
    return Report(
        "Comparison",
        title,
        f"Which of {counted(len(found.lines), 'configuration')} is best?",
        f"Judged by {score} ({better}).",
        _answer(groups, found),
        [
            Section("Configurations", [*means_drawn(found, score, groups.directions[0]), _table(groups, found)]),
            *caveats(sentences(groups, found)),
            Section("Runs", [_runs(runs, score)], folded=True),
            *failures(named),
            *([Section("Configuration", settings, folded=True)] if settings else []),
            how_to_reproduce([command("compare", *words)], runs),
        ],
    )


def _answer(groups: Groups, found: Compared) -> list[Point]:
    score, first = groups.scores[0], found.lines[0]
    mean = first.spreads[score].mean
    if groups.directions[0] is None or mean is None:
        return [Point(f"They can't be put in an order by {score}.")]
    if len(found.lines) == 1:
        return [Point(f"One configuration: {score} {number(mean)}, mean of {counted(first.spreads[score].n, 'run')}.")]
    head = f"{first.name} has the best {score}, {number(mean)}, of {len(found.lines)} configurations."
    judged = [(line, asdict(line.comparison)) for line in found.lines if line.comparison]
    if found.baseline is None or not judged:
        return [Point(f"{head} Whether it is better or was lucky is not known: there are too few runs.", "few")]
    return [Point(head), *(Point(sentence(line.name, found.baseline, c), mark(c)) for line, c in judged)]


def _table(groups: Groups, found: Compared) -> Table:
    table = columns(groups, found)
    marks = [mark(asdict(line.comparison)) if line.comparison else "" for line in found.lines]
    rows = [
        [
            setting(text)
            if name in groups.columns
            else Cell(text, _leading(text) if is_number(name) else None, mark=marks[i] if name == "verdict" else "")
            for name, text in zip(table, line, strict=True)
        ]
        for i, line in enumerate(zip(*table.values(), strict=True))
    ]
    return Table("A line for each configuration, the best first", list(table), rows)


def _leading(text: str) -> float | None:
    """The number that a text begins with."""
    match = _NUMBER.match(text)
    return float(match[0]) if match else None


def _runs(runs: Sequence[Run], score: str) -> Table:
    rows = rows_of(
        [(str(r.path), r.status, r.scores.get(score), r.best_epoch, r.epochs, r.seconds, r.started) for r in runs]
    )
    return Table("Every run", ("run", "status", score, "best epoch", "epochs", "seconds", "started"), rows)
