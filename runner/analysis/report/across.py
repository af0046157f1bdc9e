"""The report of ablations on several data sets: does it help on all of them?"""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from runner.analysis.across import DECIDED, FILE, meaning
from runner.analysis.numbers import number
from runner.analysis.report.arms import arms_table
from runner.analysis.report.document import Block, Cell, Code, Mark, Point, Report, Section, Table, Words, rows_of
from runner.analysis.report.pictures import differences_drawn
from runner.analysis.report.provenance import caveats, command, how_to_reproduce
from runner.analysis.report.reading import names, text, texts
from runner.analysis.report.told import Told
from runner.analysis.report.verdicts import interval, mark, verdict
from runner.analysis.run import Run
from runner.analysis.run import number as finite
from runner.errors import ConfigError, counted
from runner.record.reading import read_json


def report(folder: Path) -> Report:
    """What ablations on several data sets came to.

    Raises:
        ConfigError: their ``across.json`` is damaged.
    """
    try:
        record = read_json(folder / FILE)
    except ValueError as error:
        raise ConfigError(f"{folder}: {error}. The ablation's command writes it anew.") from None
    arms, sets = names(record.get("arms")), names(record.get("data_sets"))
    if not arms or not sets:
        raise ConfigError(f"{folder / FILE}: has no arms, or no data sets. The ablation's command writes it anew.")
    told = _told(folder, sets)
    legend, *limits = meaning(text(record.get("units")) or "runs")
    units, baseline = text(record.get("units")) or "runs", text(record.get("baseline"))
    others = [arm for arm in arms if arm != baseline]
    direction = {"min": " (less is better)", "max": " (more is better)"}.get(text(record.get("direction")), "")
    n = finite(record.get("n"))
    return Report(
        "Ablation on several data sets",
        folder.resolve().name,
        f"Does {' or '.join(others) or 'anything'} help on {counted(len(sets), 'data set')}, against {baseline}?",
        f"Judged by {text(record.get('score'))}{direction}, across {' '.join(texts(record.get('across')))}.",
        [Point(_sentence(arm, arms[arm], len(sets), units), _mark(arms[arm])) for arm in others],
        [
            Section("Over all", [_over_all(arms, n, units), Words(legend), *_profile(record, arms, units)]),
            Section("By data set", [*differences_drawn(record), _by_data_set(sets, others)]),
            *(Section(name, _one(own, folder), folded=True) for name, own in told.items()),
            *caveats([*_lacking(record, sets), *_fixed(told), *limits]),
            how_to_reproduce(
                [shlex.join(recorded)] if (recorded := texts(record.get("command"))) else [],
                [run for run in (_first(own) for own in told.values()) if run is not None],
            ),
        ],
    )


def _told(folder: Path, sets: dict[str, Any]) -> dict[str, Told]:
    """The ablations that lie in this folder and can be read, by data set."""
    found = {}
    for name, entry in sets.items():
        place = folder / (text(names(entry).get("folder")) or ".")
        if place.resolve().parent == folder.resolve():
            try:
                found[name] = Told.read(place)
            except ConfigError:
                continue
    return found


def _sentence(arm: str, found: Any, sets: int, units: str) -> str:
    given = Counter({word: int(finite(count) or 0) for word, count in names(names(found).get("verdicts")).items()})
    known = [f"{word} on {given[word]}" for word in (*DECIDED, "undecided") if given[word]]
    said = f"Of {counted(sets, 'data set')}, {arm} is {', '.join(known) or 'judged on none'}"
    chance = names(names(found).get("probability_of_improvement"))
    return (
        f"{said}. One of its {units} beats one of the baseline's with probability {_estimate(chance).text}."
        if chance
        else f"{said}."
    )


def _mark(found: Any) -> Mark:
    """Better or worse where no verdict speaks against it."""
    given = names(names(found).get("verdicts"))
    sides: list[Mark] = [word for word in ("better", "worse") if finite(given.get(word))]
    return sides[0] if len(sides) == 1 else "open"


def _over_all(arms: dict[str, Any], n: float | None, units: str) -> Table:
    rows: list[list[object]] = []
    for arm, found in arms.items():
        given = names(names(found).get("verdicts"))
        estimates = [
            _estimate(names(names(found).get(key))) for key in ("interquartile_mean", "probability_of_improvement")
        ]
        rows.append([arm, *estimates, *(finite(given.get(word)) for word in (*DECIDED, "undecided"))])
    each = f", {n:.0f} {units} of each arm on each" if n is not None else ""
    columns = ("arm", "interquartile mean", "beats the baseline", *DECIDED, "undecided")
    return Table(f"Each arm over all data sets{each}", columns, [_whole(row) for row in rows_of(rows)])


def _whole(row: list[Cell]) -> list[Cell]:
    """Counts without decimals."""
    return [*row[:3], *(Cell(cell.text if cell.key is None else f"{cell.key:.0f}", cell.key) for cell in row[3:])]


def _profile(record: dict[str, Any], arms: dict[str, Any], units: str) -> list[Table]:
    thresholds = record.get("thresholds")
    known = [finite(value) for value in thresholds] if isinstance(thresholds, list) else []
    places = [place for place in range(2, len(known), 4) if known[place] is not None]
    if not places:
        return []
    rows: list[list[object]] = []
    for arm, found in arms.items():
        profile = names(found).get("performance_profile")
        shares = [finite(value) for value in profile] if isinstance(profile, list) else []
        rows.append([arm, *(shares[place] if place < len(shares) else None for place in places)])
    sign = "<" if record.get("direction") == "min" else ">"
    columns = ("arm", *(f"{sign} {number(known[place])}" for place in places))
    return [
        Table(f"Performance profile: share of all {units} with {text(record.get('score'))}", columns, rows_of(rows))
    ]


def _by_data_set(sets: dict[str, Any], others: list[str]) -> Table:
    rows: list[list[object]] = []
    for name, entry in sets.items():
        judged = [names(names(names(entry).get("arms")).get(arm)) for arm in others]
        cells = [
            Cell(f"{interval(own)}, {verdict(own)}", finite(own.get("difference")), mark=mark(own)) for own in judged
        ]
        rows.append([name, *cells])
    return Table("Difference from the baseline (interval), and the verdict", ("data set", *others), rows_of(rows))


def _one(told: Told, folder: Path) -> list[Block]:
    return [arms_table(told), Code("Its whole report", command("report", str(folder / told.folder.name)))]


def _lacking(record: dict[str, Any], sets: dict[str, Any]) -> list[str]:
    lacking = [name for name in texts(record.get("planned")) if name not in sets]
    return [f"Not done yet: {', '.join(lacking)}. The same command goes on with them."] if lacking else []


def _fixed(told: dict[str, Told]) -> list[str]:
    each = [texts(own.record.get("fixed")) for own in told.values()]
    common = [word for word in each[0] if all(word in own for own in each)] if each else []
    return [f"All have in common: {' '.join(common)}. The answer holds for these."] if common else []


def _first(told: Told) -> Run | None:
    return next((run for _, run in told.folders), None)


def _estimate(found: dict[str, Any]) -> Cell:
    value, low, high = (finite(found.get(name)) for name in ("value", "low", "high"))
    if value is None:
        return Cell("-")
    return Cell(
        number(value) if low is None or high is None else f"{number(value)} ({number(low)} to {number(high)})", value
    )
