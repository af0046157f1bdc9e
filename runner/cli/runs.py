"""The verb ``runs``: every run and trial as a row of a table that fits the terminal."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from runner.cli.flags import known_flags, switch, take
from runner.errors import ConfigError, counted, did_you_mean_beside, printable

if TYPE_CHECKING:
    from runner.analysis.rows import Row

USAGE = "runs [DIR] [COLUMN=VALUE | COLUMN>NUMBER | WORD ...] [--sort COLUMN|-COLUMN] [--csv|--json]"
GAP = 2  # spaces between columns
NAME = 24  # characters of a name, at least, and two fifths of the line
NOTE = 20  # and of a note
NUMBERS = ("best", "test", "epochs", "seconds")  # columns that end at the right, as scores do

# Which columns are given up last, where the terminal is too narrow for all.
WORTH = (
    "name",
    "best",
    "status",
    "test",
    "model",
    "variant",
    "epochs",
    "optimizer",
    "data",
    "seconds",
    "monitor",
    "task",
    "started",
)


def runs(arguments: list[str]) -> int:
    """List runs."""
    order, rest = take(arguments, "--sort")
    as_csv, rest = switch(rest, "--csv")
    as_json, rest = switch(rest, "--json")
    known_flags(rest, USAGE)
    if as_csv and as_json:
        raise ConfigError("--csv and --json: one of them at a time.")
    root = Path(rest[0]) if rest and Path(rest[0]).is_dir() else Path("outputs")
    words = rest[1:] if rest and root == Path(rest[0]) else rest

    from runner.analysis.folders import find_runs
    from runner.analysis.rows import Filter, check_column, columns_of, in_order, read_rows
    from runner.engine.monitor import canonical

    rows = read_rows(find_runs(root), root)
    if not rows:
        raise ConfigError(f"{root}: no run lies there. `python -m runner` starts one; its folder is in outputs/runs.")
    filters = [Filter.of(word) for word in words]
    column = canonical(order.removeprefix("-")) if order else None
    known = columns_of(rows)
    for given, name in [
        *zip(words, (f.column for f in filters), strict=True),
        *([(f"--sort {order}", column)] * bool(column)),
    ]:
        check_column(given, str(name), known)
    for f in filters:
        if f.operator == "in" and not any(f.holds(row) for row in rows):
            raise ConfigError(
                f"{f.text}: neither a folder nor part of a run's name.{did_you_mean_beside(Path(f.text))} "
                f"Usage: python -m runner {USAGE}."
            )
    chosen = [row for row in rows if all(f.holds(row) for f in filters)]
    if column:
        chosen = in_order(chosen, column, falling=str(order).startswith("-"))
    if as_csv or as_json:
        _write(chosen, columns_of(chosen), as_json)
        return 0
    asked = [f.column for f in filters if f.column != "name"] + [column] * bool(column)
    _show(chosen, [name for name in asked if name])
    print(
        printable(
            f"{counted(len(chosen), 'run')} of {len(rows):,} in {root}"
            if words
            else f"{counted(len(rows), 'run')} in {root}"
        )
    )
    return 0


def _write(rows: Sequence[Row], columns: Sequence[str], as_json: bool) -> None:
    """Everything that is known of each run, for other programs."""
    table = [{"folder": str(row.run.path), **{name: row[name] for name in columns}, "note": row.note} for row in rows]
    if as_json:
        print(json.dumps(table, indent=2))
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    names = ["folder", *columns, "note"]
    writer.writerow(map(printable, names))
    writer.writerows([printable("" if line[n] is None else str(line[n])) for n in names] for line in table)


def _show(rows: Sequence[Row], asked: Sequence[str]) -> None:
    from runner.cli.tables import console

    if not rows:
        return
    out = console()
    names = ["name", "started", "status", "task", "data", "model", "variant", "optimizer", "monitor", "best", "test"]
    names = list(dict.fromkeys([*names, *asked, "epochs", "seconds"]))
    if "variant" not in asked and not any(row["variant"] for row in rows):
        names.remove("variant")
    cells = {name: [_cell(row, name) for row in rows] for name in names}
    notes = [row.note for row in rows]
    if out.is_terminal:
        alike = (n for n in names if n not in ("name", *asked) and len(rows) > 1 and len(set(cells[n])) == 1)
        same = {n: cells[n][0] for n in alike}
        if told := ", ".join(f"{name} {value}" for name, value in same.items() if value != "-"):
            print(_cut(f"all: {told}", out.width, out.width))
        cells = _fitting(
            {n: c for n, c in cells.items() if n not in same}, asked, out.width - (NOTE + GAP) * any(notes)
        )
    if any(notes):
        cells["note"] = [printable(note).replace("\n", "\\n") for note in notes]
    _print(cells, out.width if out.is_terminal else sys.maxsize)


def _print(cells: dict[str, list[str]], width: int) -> None:
    """A table of one line per row. Rich's takes a second for a thousand of them."""
    columns = []
    for name, texts in cells.items():
        lines = [printable(name), *texts]
        wide, right = max(map(cell_len, lines)), name in NUMBERS or "/" in name
        padding = [" " * (wide - cell_len(text)) for text in lines]
        columns.append([p + text if right else text + p for p, text in zip(padding, lines, strict=True)])
    for line in zip(*columns, strict=True):
        print(_cut((" " * GAP).join(line).rstrip(), width, width))


def _fitting(cells: dict[str, list[str]], asked: Sequence[str], width: int) -> dict[str, list[str]]:
    """The columns for which there is room, the worthiest first; the name is cut in its middle where need be."""
    wide = {name: max(map(cell_len, [name, *column])) for name, column in cells.items()}
    worth = [name for name in dict.fromkeys(["name", *asked, *WORTH]) if name in cells]
    least = min(wide["name"], max(NAME, width * 2 // 5))
    room, kept = width - least, {"name"}
    for name in worth[1:]:
        if wide[name] + GAP <= room:
            room -= wide[name] + GAP
            kept.add(name)
    left = least + max(room, 0)
    return {n: [_cut(text, left, left // 3) for text in c] if n == "name" else c for n, c in cells.items() if n in kept}


def _cut(text: str, width: int, head: int) -> str:
    """A text that takes `width` characters at most: its first `head` ones, and as many of the last."""
    if cell_len(text) <= width:
        return text
    first = set_cell_size(text, min(head, width - 1))
    last = text[len(text) - max(0, width - head - 1) :]
    while cell_len(first) + 1 + cell_len(last) > width:
        last = last[1:]
    return f"{first}…{last}"


def _cell(row: Row, name: str) -> str:
    from runner.analysis.settings import shown
    from runner.cli.tables import number

    value: Any = row[name]
    if value is None:
        return "-"
    if isinstance(value, str):
        return printable(value).replace("\n", "\\n")
    if name == "epochs" and row.run.status in ("running", "interrupted") and (most := row["trainer.max_epochs"]):
        return f"{value}/{most}"
    if name == "seconds":
        return f"{value:.1f}"
    if isinstance(value, float):
        return number(value)
    return printable(shown(value))
