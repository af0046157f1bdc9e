"""Configurations beside each other: a line for each, the best first, and each against the baseline."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.analysis.groups import OTHER_EXAMPLES, Group, Groups, covered
from runner.analysis.rows import Filter, Row
from runner.analysis.settings import shown
from runner.analysis.statistics import FEWEST
from runner.analysis.statistics.comparison import Comparison, compare
from runner.analysis.statistics.evidence import Scores
from runner.analysis.statistics.spread import Spread
from runner.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Line:
    """One configuration.

    Attributes:
        name: by what it differs from the others: ``optimizer=sgd optimizer.lr=0.1``.
        group: its runs.
        spreads: of each score over them.
        comparison: with the baseline; None of the baseline itself, and where there are too few runs for any.
    """

    name: str
    group: Group
    spreads: dict[str, Spread]
    comparison: Comparison | None


@dataclass(frozen=True)
class Compared:
    """What came out.

    Attributes:
        lines: by the mean of the score that counts, the best first, those without any last; in the order of their
            start where it is not known whether less or more is better.
        baseline: the name of that line; None where nothing was compared.
        covered: in a sentence, what varied among the runs of a line, and so what the intervals cover.
        notes: what else should be known.
    """

    lines: list[Line]
    baseline: str | None
    covered: str
    notes: list[str]


def compared(groups: Groups, baseline: str | None = None) -> Compared:
    """Compare configurations.

    Args:
        groups: of runs.
        baseline: the folder of one of its runs, or by what it differs (``optimizer=adam``); None is the one that was
            started first. The best one would be chosen by the very scores that it is then compared by, and would look
            better than it is.

    Raises:
        ConfigError: there is no such baseline, or more than one.
    """
    names = {_name(group, groups.columns): group for group in groups.groups}
    first = _baseline(names, baseline) if baseline else next(iter(names))
    ordered = {first: names[first]} | names
    score, direction = groups.scores[0], groups.directions[0]
    notes, found, pairs = list(groups.notes), {}, False
    if direction is None:
        notes.append(f"Nothing says whether less or more of {score} is better: neither sorted nor compared by it.")
    elif len(ordered) > 1:
        arms: dict[str, Scores] = {name: group.values(score) for name, group in ordered.items()}
        enough = [arm for arm in arms.values() if len(arm) >= FEWEST]  # the others get no verdict either way
        pairs = all(len(arms[first].keys() & arm.keys()) >= FEWEST for arm in enough)
        ratio = _test_to_train(groups, score) if pairs else 0.0
        found = compare(arms, direction, pairs=pairs, test_to_train=ratio)
        if all(comparison.verdict == "too few runs" for comparison in found.values()):
            found = {}
            notes.append(
                f"Too few runs for a verdict: it takes {FEWEST} of each configuration, with other seeds (in a sweep "
                f"hydra.sweeper.repeats={FEWEST})."
            )
        elif not pairs:
            notes.append("They have too few seeds in common: compared as independent runs, not in pairs.")
    lines = [
        Line(name, group, {s: Spread.of(group.values(s).values()) for s in groups.scores}, found.get(name))
        for name, group in names.items()
    ]
    if direction is not None:
        sign = 1.0 if direction == "min" else -1.0
        lines.sort(key=lambda line: sign * _mean(line, score, sign))
    if OTHER_EXAMPLES.intersection(groups.varied):
        notes.append(
            "Runs that differ in which examples are held out share most of those they learn from: the intervals of "
            "means are too narrow for that"
            + (", those of differences are widened (Nadeau and Bengio 2003)." if found and pairs else ".")
        )
    return Compared(lines, first if found else None, _covered(groups), notes)


def _mean(line: Line, score: str, sign: float) -> float:
    mean = line.spreads[score].mean
    return sign * float("inf") if mean is None else mean


def _name(group: Group, columns: Sequence[str]) -> str:
    return " ".join(f"{key}={shown(group.settings[key])}" for key in columns if key in group.settings) or "all runs"


def _baseline(names: dict[str, Group], given: str) -> str:
    place = Path(given).resolve()
    having = [n for n, g in names.items() if any(r.path.resolve() == place for r in g.all)]
    if not having:
        try:
            filters = [Filter.of(word) for word in shlex.split(given)]
        except ValueError:
            filters = []
        having = [name for name, group in names.items() if filters and all(f.holds(_row(group, name)) for f in filters)]
    if len(having) != 1:
        what = f"{len(having)} configurations are so" if having else "no configuration is so"
        raise ConfigError(
            f"--baseline {given}: {what}.{did_you_mean(given, names)} Expected the folder of a run, or one of: "
            f"{'; '.join(list(names)[:10])}{'; ...' if len(names) > 10 else ''}."
        )
    return having[0]


def _row(group: Group, name: str) -> Row:
    return Row(group.all[0], name)


def _test_to_train(groups: Groups, score: str) -> float:
    """Examples that judge a run, as a multiple of those it learned from; 0 where all runs had the same ones."""
    if not OTHER_EXAMPLES.intersection(groups.varied):
        return 0.0
    runs = [run for group in groups.groups for run in group.runs.values()]
    return max((run.part_to_train(score.partition("/")[0]) for run in runs), default=0.0)


def _covered(groups: Groups) -> str:
    if groups.varied:
        return f"Runs of a line differ in {covered(groups.varied)}"
    if any(len(group.runs) > 1 for group in groups.groups):
        return "Runs of a line are repeats of one configuration."
    return ""
