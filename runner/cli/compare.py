"""The verb ``compare``: a line per configuration, and which of them is better."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.flags import known_flags, switch, take
from runner.errors import ConfigError, counted, printable

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
    from runner.cli.tables import console, plain_table, put

    table = _cells(groups, found)
    if markdown:
        lines = [
            list(table),
            ["---:" if _is_number(name) else "---" for name in table],
            *zip(*table.values(), strict=True),
        ]
        print("\n".join(f"| {' | '.join(_in_markdown(cell) for cell in line)} |" for line in lines))
        print()
    else:
        shown = plain_table(*table)
        for column in shown.columns:
            name = str(column.header)
            column.overflow, column.no_wrap = "fold", name in ("n", "failed", "sd", "p")
            column.justify = "right" if _is_number(name) else "left"
            column.min_width = min(10, max(map(len, [name, *table[name]])))
        for line in zip(*table.values(), strict=True):
            shown.add_row(*line)
        put(shown, least=0 if console().is_terminal else sys.maxsize)
    for sentence in _sentences(groups, found):
        print(printable(sentence) + ("  " if markdown else ""))


def _cells(groups: Groups, found: Compared) -> dict[str, list[str]]:
    """The table in texts, by column."""
    from runner.analysis.settings import shown
    from runner.cli.tables import number, plus_minus

    lines, score = found.lines, groups.scores[0]
    table = {
        key: [shown(line.group.settings[key]) if key in line.group.settings else "-" for line in lines]
        for key in groups.columns
    }
    single = all(len(line.group.runs) <= 1 for line in lines)
    if not single:
        table["n"] = [str(line.spreads[score].n) for line in lines]
    if any(line.group.failed for line in lines):
        table["failed"] = [str(len(line.group.failed)) for line in lines]
    for name in groups.scores:
        spreads = [line.spreads[name] for line in lines]
        table[name] = [plus_minus(number(s.mean), s.low, s.high) for s in spreads]
        if not single and name == score:
            table["sd"] = ["-" if s.deviation is None else f"{s.deviation:.2g}" for s in spreads]
    if found.baseline:
        each = [line.comparison for line in lines]
        known = [c if c and c.difference is not None else None for c in each]
        table["difference"] = [plus_minus(f"{c.difference:+.3g}", c.low, c.high) if c else "-" for c in known]
        table["p"] = [f"{c.p_holm:.2g}" if c and c.n > 1 else "-" for c in each]
        table["verdict"] = [str(c) if c else "baseline" for c in each]
    if single:
        table["run"] = [str(run.path) for line in lines for run in line.group.all[:1]]
    return table


def _is_number(name: str) -> bool:
    return "/" in name or name in ("n", "failed", "sd", "difference", "p")


def _in_markdown(cell: str) -> str:
    return printable(cell).replace("\n", "\\n").replace("|", "\\|").replace("<", "&lt;")


def _sentences(groups: Groups, found: Compared) -> list[str]:
    """What is to be said below the table."""
    better = {"min": "less is better", "max": "more is better", None: "no direction known"}[groups.directions[0]]
    runs = sum(len(line.group.runs) + len(line.group.failed) for line in found.lines)
    said = [
        f"{counted(len(found.lines), 'configuration')} of {counted(runs, 'run')}, by {groups.scores[0]} ({better})."
    ]
    if any(spread.low is not None for line in found.lines for spread in line.spreads.values()):
        said.append("±: 95 % interval of the mean (Student's t); sd: standard deviation of runs.")
    if found.baseline:
        said.append(
            f"Baseline: {found.baseline}. Differences from it and their intervals are at the level, and p, of Holm's "
            "correction for several comparisons."
        )
    return [*said, *filter(None, [found.covered]), *found.notes, *_of_a_winner(found.lines)]


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
