"""The verb ``diff``: what differs between two runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.flags import known_flags, no_more
from runner.errors import ConfigError, did_you_mean_beside, printable

if TYPE_CHECKING:
    from runner.analysis.run import Run

USAGE = "diff RUN_DIR RUN_DIR"


def diff(arguments: list[str]) -> int:
    """Show what differs."""
    known_flags(arguments, USAGE)
    if len(arguments) < 2:
        raise ConfigError(f"expected the folders of two runs: python -m runner {USAGE}.")
    no_more(arguments[2:], USAGE)

    from runner.analysis.difference import differences, unknown
    from runner.cli.tables import console, plain_table, put

    first, second = (_run(Path(word)) for word in arguments)
    found = differences(first, second)
    table = plain_table("", str(first.path), str(second.path), "difference")
    table.columns[0].no_wrap = True
    for column in table.columns[1:3]:
        column.overflow = "fold"
    for section, entries in found.items():
        if entries:
            table.add_row(section, "", "", "", style="bold")
        for entry in entries:
            table.add_row(
                f"  {entry.key}",
                _text(section, entry.first),
                _text(section, entry.second),
                _gap(section, entry.first, entry.second),
            )
    if any(found.values()):
        put(table, least=0 if console().is_terminal else sys.maxsize)
    said = [section for section in found if section != "cost"]
    missing = {section for run in (first, second) for section in unknown(run)}
    same = [section for section in said if not found[section] and section not in missing]
    if len(same) == len(said):
        print("Nothing differs but what it cost." if found["cost"] else "Nothing differs.")
    elif same:
        print(f"The same: {', '.join(same)}.")
    for run in (first, second):
        for note in dict.fromkeys(run.notes):
            print(printable(f"{run.path}: {note}"))
        if absent := [section for section in unknown(run) if section != "cost"]:
            print(printable(f"{run.path}: says nothing of {', '.join(absent)}"))
    return 0


def _run(folder: Path) -> Run:
    from runner.analysis.folders import find_runs
    from runner.analysis.run import Run

    inside = find_runs(folder)
    if inside == [folder]:
        return Run.read(folder)
    if not folder.exists():
        raise ConfigError(f"{folder}: there is no such folder.{did_you_mean_beside(folder)} `runs` lists the runs.")
    if inside:
        raise ConfigError(
            f"{folder}: holds {len(inside)} runs. diff takes two; `python -m runner compare {folder}` takes many."
        )
    raise ConfigError(f"{folder}: not the folder of a run. `python -m runner runs` lists them.")


def _text(section: str, value: Any) -> str:
    from runner.analysis.settings import shown
    from runner.cli.tables import number

    if not isinstance(value, float) or section not in ("scores", "cost"):
        return shown(value)
    return number(value) if section == "scores" else f"{value:,.6g}"


def _gap(section: str, first: Any, second: Any) -> str:
    """How much more the second has, of scores and costs."""
    numbers = [value for value in (first, second) if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return f"{second - first:+.4g}" if section in ("scores", "cost") and len(numbers) == 2 else ""
