"""The verb ``compare``: a line per configuration, and which of them is better."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.flags import known_flags, switch, take
from runner.errors import ConfigError, printable

if TYPE_CHECKING:
    from runner.analysis.compared import Compared, Line
    from runner.analysis.groups import Groups
    from runner.analysis.statistics.spread import Spread

USAGE = (
    "compare RUN_DIR|SWEEP_DIR|PATTERN... [--score NAME[,NAME]] [--baseline KEY=VALUE|RUN_DIR] "
    "[--markdown|--csv|--json]"
)


def compare(arguments: list[str]) -> int:
    """Compare runs."""
    scores, rest = take(arguments, "--score")
    baseline, rest = take(rest, "--baseline")
    forms = {}
    for flag in ("--markdown", "--csv", "--json"):
        forms[flag], rest = switch(rest, flag)
    known_flags(rest, USAGE)
    if sum(forms.values()) > 1:
        raise ConfigError(f"{' and '.join(flag for flag, given in forms.items() if given)}: one of them at a time.")
    if not rest:
        raise ConfigError(f"expected folders of runs or sweeps: python -m runner {USAGE}.")

    from runner.analysis.compared import compared
    from runner.analysis.folders import runs_of
    from runner.analysis.groups import group
    from runner.analysis.run import Run
    from runner.engine.monitor import canonical

    names = [canonical(name.strip()) for name in scores.split(",")] if scores else []
    groups = group([Run.read(folder) for folder in runs_of(rest)], names)
    found = compared(groups, baseline)
    if forms["--json"]:
        print(json.dumps(_plain(groups, found), indent=2))
    elif forms["--csv"]:
        _write_csv(groups, found)
    else:
        _show(groups, found, markdown=forms["--markdown"])
    return 0


def _show(groups: Groups, found: Compared, markdown: bool) -> None:
    from runner.analysis.compared_table import columns, is_number, sentences
    from runner.cli.tables import console, plain_table, put

    table = columns(groups, found)
    if markdown:
        lines = [
            list(table),
            ["---:" if is_number(name) else "---" for name in table],
            *zip(*table.values(), strict=True),
        ]
        print("\n".join(f"| {' | '.join(_in_markdown(cell) for cell in line)} |" for line in lines))
        print()
    else:
        shown = plain_table(*table)
        for column in shown.columns:
            name = str(column.header)
            column.overflow, column.no_wrap = "fold", name in ("n", "failed", "sd", "p")
            column.justify = "right" if is_number(name) else "left"
            column.min_width = min(10, max(map(len, [name, *table[name]])))
        for line in zip(*table.values(), strict=True):
            shown.add_row(*line)
        put(shown, least=0 if console().is_terminal else sys.maxsize)
    for sentence in [*sentences(groups, found), *_of_a_winner(found.lines)]:
        print(printable(sentence) + ("  " if markdown else ""))


def _in_markdown(cell: str) -> str:
    return printable(cell).replace("\n", "\\n").replace("|", "\\|").replace("<", "&lt;")


def _of_a_winner(lines: list[Line]) -> list[str]:
    """What the search says of the first line that found it, where no verdict does."""
    from runner.analysis.statistics import FEWEST
    from runner.sweep.folder import shown

    runs = list(lines[0].group.runs.values())
    sweep = runs[0].path.resolve().parent.parent if runs else None
    if sweep is None or len(runs) >= FEWEST or len(lines) < 2 or not (sweep / "sweep.yaml").is_file():
        return []
    from runner.cli.confirm import of_winner

    return of_winner(Path(shown(sweep)))


def _write_csv(groups: Groups, found: Compared) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    rows = [_flat(groups, line) for line in found.lines]
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer.writerow(map(printable, names))
    writer.writerows([printable("" if row.get(n) is None else str(row[n])) for n in names] for row in rows)


def _flat(groups: Groups, line: Line) -> dict[str, Any]:
    row: dict[str, Any] = {key: line.group.settings.get(key) for key in groups.columns}
    row |= {"failed": len(line.group.failed)}
    for name, spread in line.spreads.items():
        row |= {f"{name} {what}": value for what, value in _numbers(spread).items()}
    if line.comparison:
        row |= {
            name: getattr(line.comparison, name) for name in ("difference", "low", "high", "p", "p_holm", "verdict")
        }
    return row | {"runs": " ".join(str(run.path) for run in line.group.runs.values())}


def _numbers(spread: Spread) -> dict[str, Any]:
    return {"mean": spread.mean, "sd": spread.deviation, "n": spread.n, "low": spread.low, "high": spread.high}


def _plain(groups: Groups, found: Compared) -> dict[str, Any]:
    from dataclasses import asdict

    from runner.record.files import finite

    lines = [
        {
            "settings": {key: line.group.settings.get(key) for key in groups.columns},
            "runs": [str(run.path) for run in line.group.runs.values()],
            "failed": [str(run.path) for run in line.group.failed.values()],
            "scores": {name: _numbers(spread) for name, spread in line.spreads.items()},
            "comparison": asdict(line.comparison) if line.comparison else None,
        }
        for line in found.lines
    ]
    plain = {"score": groups.scores[0], "direction": groups.directions[0], "baseline": found.baseline, "lines": lines}
    return finite({**plain, "varied": groups.varied, "notes": found.notes})  # type: ignore[no-any-return]
