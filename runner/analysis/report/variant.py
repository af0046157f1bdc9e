"""What was made of a trained network, beside that network."""

from __future__ import annotations

from typing import Any

from runner.analysis.numbers import number
from runner.analysis.report.document import Block, Point, Section, Table, facts, rows_of
from runner.analysis.report.reading import names
from runner.analysis.run import Run
from runner.analysis.run import number as finite


def sections(run: Run) -> list[Section]:
    """Where it comes from, what was done, scores before and after, sizes; no section of a run that was only trained."""
    if not (run.variant or run.parent):
        return []
    before, far = names(run.result.get("parent")), names(run.result.get("difference"))
    blocks: list[Block] = [
        facts(
            "Made of another network",
            [
                ("parent", run.parent),
                ("what was done", run.variant or "trained further"),
                ("largest difference of outputs", _short(far.get("largest"))),
                ("mean difference", _short(far.get("mean"))),
            ],
        )
    ]
    rows: list[tuple[object, ...]] = []
    for part in ("val", "test"):
        after = names(run.result.get(part))
        for name, was in names(before.get(part)).items():
            one, other = finite(was), finite(after.get(name))
            gap = f"{other - one:+.4g}" if one is not None and other is not None else None
            rows.append((f"{part}/{name}", one, other, gap))
    if rows:
        blocks.append(Table("Scores on the same examples", ("score", "before", "after", "difference"), rows_of(rows)))
    sizes = [
        (what, f"{one:,.0f}", f"{other:,.0f}", one / other if other else None)
        for what in ("bytes", "parameters")
        if (one := finite(before.get(what))) is not None and (other := finite(run.result.get(what))) is not None
    ]
    if sizes:
        blocks.append(Table("Size", ("what", "before", "after", "times smaller"), rows_of(sizes)))
    return [Section("Beside its parent", blocks)]


def answer(run: Run) -> list[Point]:
    """In a sentence what it cost and gained."""
    before = names(run.result.get("parent"))
    if not run.variant or not before:
        return []
    part = "test" if names(run.result.get("test")) else "val"
    score = run.monitor.partition("/")[2]
    was, now = finite(names(before.get(part)).get(score)), finite(names(run.result.get(part)).get(score))
    told = [f"{part}/{score} {number(now)}, before {number(was)}"] if was is not None and now is not None else []
    one, other = finite(before.get("bytes")), finite(run.result.get("bytes"))
    told += [f"{one / other:.2f} times smaller"] if one and other else []
    return [Point(f"Made by {run.variant} of {run.parent or 'a run that is not known'}: {'; '.join(told)}.")]


def _short(value: Any) -> str | None:
    known = finite(value)
    return None if known is None else f"{known:.3g}"
