"""What a comparison says, in texts: a table, and the sentences below it."""

from __future__ import annotations

from runner.analysis.compared import Compared
from runner.analysis.groups import Groups
from runner.analysis.numbers import number, plus_minus
from runner.analysis.settings import shown
from runner.analysis.statistics import SHARED
from runner.errors import counted


def columns(groups: Groups, found: Compared) -> dict[str, list[str]]:
    """The table in texts, by column: a line each."""
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


def is_number(name: str) -> bool:
    """Whether a column holds numbers."""
    return "/" in name or name in ("n", "failed", "sd", "difference", "p")


def sentences(groups: Groups, found: Compared) -> list[str]:
    """What is to be said below the table."""
    better = {"min": "less is better", "max": "more is better", None: "no direction known"}[groups.directions[0]]
    runs = sum(len(line.group.runs) + len(line.group.failed) for line in found.lines)
    said = [
        f"{counted(len(found.lines), 'configuration')} of {counted(runs, 'run')}, by {groups.scores[0]} ({better})."
    ]
    if any(spread.low is not None for line in found.lines for spread in line.spreads.values()):
        said.append("±: 95 % interval of the mean (Student's t); sd: standard deviation of runs.")
    if found.baseline:
        said.append(f"Baseline: {found.baseline}. {SHARED}")
    return [*said, *filter(None, [found.covered]), *found.notes]
