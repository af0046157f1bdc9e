"""What runs on fresh seeds say of a sweep's winner, as ``confirmation.json`` has it, whoever wrote that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.analysis.numbers import number, plus_minus
from runner.analysis.report.document import Cell, Point, Section, Table, Words, rows_of, short
from runner.analysis.report.reading import names, rows, text, texts
from runner.analysis.report.verdicts import interval, mark, sentence, verdict
from runner.analysis.run import number as finite
from runner.record.reading import read_json

DEFAULT = "the default configuration"


def confirmed_by(folder: Path) -> list[dict[str, Any]]:
    """What is said of each winner; nothing where none was run again."""
    try:
        return rows(read_json(folder / "confirmation.json").get("winners"))
    except ValueError:
        return []


def said_of_winners(folder: Path) -> list[Point]:
    """For each winner and objective: what the search said, what fresh runs say, and the verdict."""
    said = []
    for winner in confirmed_by(folder):
        for objective, confirmed in names(winner.get("confirmed")).items():
            fresh, known = names(names(confirmed).get("fresh")), names(confirmed)
            found, over, mean, low, high, n = (
                finite(value)
                for value in (
                    *(known.get("found"), known.get("overstated")),
                    *(fresh.get(name) for name in ("mean", "low", "high", "n")),
                )
            )
            if mean is None or found is None:
                said.append(Point(f"On fresh seeds no run of {_name(winner)} came to its end.", "warning"))
                continue
            flattered = f", and flattered it by {over:.2g}" if over is not None and over > 0 else ""
            said.append(
                Point(
                    f"On {n or 0:.0f} fresh seeds, {_name(winner)} has {objective} "
                    f"{plus_minus(number(mean), low, high)}; the search said {number(found)}{flattered}."
                )
            )
            if judged := names(names(winner.get("comparison")).get(objective)):
                by = text(names(winner.get("compared_by")).get(objective)) or objective
                said.append(Point(f"By {by}: {sentence(_name(winner), DEFAULT, judged)}", mark(judged)))
    return said


def confirmation(folder: Path) -> list[Section]:
    """A row for each score of each winner and of the default configuration; no section without any."""
    table: list[list[object]] = []
    objectives = {name for winner in confirmed_by(folder) for name in names(winner.get("confirmed"))}
    for winner in confirmed_by(folder):
        for score, spread in _wanted(winner.get("scores"), objectives):
            searched = finite(names(names(winner.get("searched")).get(score)).get("mean"))
            table.append([_name(winner), score, searched, *_spread(spread), *_judged(winner, score)])
    if not table:
        return []
    default = names(names(read_json(folder / "confirmation.json").get("default")).get("scores"))
    table += [
        [DEFAULT, score, None, *_spread(spread), "-", "-", "baseline"] for score, spread in _wanted(default, objectives)
    ]
    columns = ("configuration", "score", "search", "fresh seeds", "sd", "n", "difference (interval)", "p", "verdict")
    words = Words(
        "Search: what the search said, which flatters the winner. Fresh seeds: mean over runs that the search never "
        "saw, ± its 95 % interval. Differences are those from the default configuration with the same seeds."
    )
    return [Section("On fresh seeds", [Table("The winner, run again", columns, rows_of(table)), words])]


def _wanted(scores: Any, objectives: set[str]) -> list[tuple[str, Any]]:
    """What was searched for, and the test split, which chose nothing."""
    return [(name, spread) for name, spread in names(scores).items() if name in objectives or name[:5] == "test/"]


def _name(winner: dict[str, Any]) -> str:
    pairs = [word.partition("=") for word in texts(winner.get("overrides"))]
    return " ".join(f"{key}={short(value)}" for key, _, value in pairs) or "the winner"


def _spread(spread: Any) -> list[object]:
    mean, low, high, sd, n = (finite(names(spread).get(name)) for name in ("mean", "low", "high", "deviation", "n"))
    return [
        Cell(plus_minus(number(mean), low, high), mean),
        Cell("-" if sd is None else f"{sd:.2g}", sd),
        None if n is None else int(n),
    ]


def _judged(winner: dict[str, Any], score: str) -> list[object]:
    """The comparison that was made by a score."""
    for objective, by in names(winner.get("compared_by")).items():
        judged = names(names(winner.get("comparison")).get(objective))
        if by == score and judged:
            p = finite(judged.get("p_holm"))
            difference = Cell(interval(judged), finite(judged.get("difference")))
            return [difference, Cell("-" if p is None else f"{p:.2g}", p), Cell(verdict(judged), mark=mark(judged))]
    return ["-", "-", "-"]
