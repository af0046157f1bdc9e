"""What is printed of a benchmark: a row for each network, in as many tables as the terminal needs."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from runner.analysis.numbers import number
from runner.cli.tables import console, plain_table, put
from runner.errors import printable

if TYPE_CHECKING:
    from runner.deploy.benchmark.latency import Latency, Ratio
    from runner.deploy.benchmark.measure import Row, Settings

GAP = 2  # spaces between columns
Group = dict[str, list[str]]


def show(rows: Sequence[Row], settings: Settings) -> None:
    """Print rows and what is to be said of them."""
    out = console()
    measured = [row for row in rows if row.cause is None]
    if measured:
        names = [row.given.name for row in measured]
        for groups in _fitting(names, _groups(measured, settings), out.width if out.is_terminal else sys.maxsize):
            table = plain_table("network", *(column for group in groups for column in group))
            for column in table.columns[1:]:
                column.justify = "right"
            for column in table.columns:
                column.no_wrap = not out.is_terminal or column is not table.columns[0]
            for cells in zip(names, *(column for group in groups for column in group.values()), strict=True):
                table.add_row(*cells)
            put(table, least=0 if out.is_terminal else sys.maxsize)
            print()
    for sentence in [*_named(rows), *_failed(rows), *_slower(measured, settings), *_told(measured, settings)]:
        said = printable(sentence).replace("\n", "\\n")
        print(textwrap.fill(said, out.width, break_on_hyphens=False) if out.is_terminal else said)


def _groups(rows: Sequence[Row], settings: Settings) -> list[Group]:
    """Columns that stand together: those of each batch size, what a network takes, how good it is."""
    groups = []
    for size in settings.sizes:
        each = [row.latency[size] for row in rows]
        group = {
            f"batch {size}\nmedian ms": [_ms(one.median) for one in each],
            "p95": [_ms(one.p95) for one in each],
            "p99": [_ms(one.p99) for one in each],
            "examples/s": [f"{one.per_second:,.0f}" for one in each],
        }
        if any(one.ratio for one in each):
            group["times as fast"] = ["1" if one.ratio is None else _ratio(one.ratio) for one in each]
        if any(row.joules for row in rows):
            group["mJ/example"] = [number(1000 * row.joules[size]) if size in row.joules else "-" for row in rows]
        groups.append({name if "\n" in name else f"\n{name}": cells for name, cells in group.items()})
    marks = ["*" if row.of_parent else "" for row in rows]
    groups.append(
        {
            "\nsize": [_bytes(row.given.bytes) for row in rows],
            "\nmemory": ["-" if row.memory is None else _bytes(row.memory) for row in rows],
            "\nparameters": [_count(row.parameters) + mark for row, mark in zip(rows, marks, strict=True)],
            "\nzero": [_share(row) + mark for row, mark in zip(rows, marks, strict=True)],
            "FLOPs\nan example": [_large(row.flops) + mark for row, mark in zip(rows, marks, strict=True)],
        }
    )
    if scores := shown_scores(rows):
        cells = [[number(row.scores.get(name)) for row in rows] for name in scores]
        heads = [f"{'' if place else settings.split}\n{name}" for place, name in enumerate(scores)]
        groups.append(dict(zip(heads, cells, strict=True)))
    return groups


def shown_scores(rows: Sequence[Row]) -> list[str]:
    """The monitored score, or the task's first one where that is the loss; and the loss."""
    names, monitored = list(dict.fromkeys(name for row in rows for name in row.scores)), _monitored(rows)
    others = [name for name in names if name != "loss"]
    main = [monitored] if monitored in others else others[:1]
    return [*main, *(["loss"] if "loss" in names else [])]


def _monitored(rows: Sequence[Row]) -> str:
    """The plain name of the score by which the first network was judged; empty where nothing says it."""
    recipe = next((row.given.recipe for row in rows if row.given.recipe is not None), None)
    return "" if recipe is None else str(recipe.values["monitor"]).removeprefix("val/")


def _fitting(names: Sequence[str], groups: Sequence[Group], width: int) -> list[list[Group]]:
    """Groups put into as few tables as possible, each as wide as the terminal at most."""
    first = max(map(cell_len, [*names, "network"]))
    tables: list[list[Group]] = []
    left = 0
    for group in groups:
        wide = sum(GAP + max(map(cell_len, [*name.split("\n"), *cells])) for name, cells in group.items())
        if not tables or wide > left:
            tables.append([])
            left = width - first
        tables[-1].append(group)
        left -= wide
    return tables


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if value < 100 else f"{value:,.0f}"


def _ratio(ratio: Ratio) -> str:
    interval = "" if ratio.low is None else f" [{ratio.low:.2f}, {ratio.high:.2f}]"
    return f"{ratio.median:.2f}{interval}"


def _bytes(value: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}" if value < 1000 * scale else f"{value / scale:,.0f} {unit}"
    return f"{value} B"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _large(value: int | None) -> str:
    if value is None:
        return "-"
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}" if value < 1000 * scale else f"{value / scale:,.0f} {unit}"
    return str(value)


def _share(row: Row) -> str:
    if row.zeros is None or not row.parameters:
        return "-"
    return f"{100 * row.zeros / row.parameters:.0f} %" if row.zeros else "0"


def _named(rows: Sequence[Row]) -> list[str]:
    """Where those lie of which the table has several by the same name."""
    names = [row.given.name.rstrip("0123456789") for row in rows]
    several = [row for row, name in zip(rows, names, strict=True) if names.count(name) > 1]
    return [f"{row.given.name}: {row.given.path}" for row in several]


def _failed(rows: Sequence[Row]) -> list[str]:
    return [f"{row.given.name}: not measured: {row.cause} ({row.given.path})" for row in rows if row.cause is not None]


def _slower(rows: Sequence[Row], settings: Settings) -> list[str]:
    """In words what is slower than the first here, and what is not shown to differ from it."""
    said = []
    for size in settings.sizes:
        compared = [(row.given.name, row.latency[size].ratio) for row in rows]
        slower = [f"{name} ({r.median:.2f}x)" for name, r in compared if r is not None and r.differs and r.median < 1]
        alike = [name for name, r in compared if r is not None and r.low is not None and not r.differs]
        if slower:
            said.append(f"Slower than {rows[0].given.name} on this machine at a batch of {size}: {', '.join(slower)}.")
        if alike:
            said.append(f"Not shown to differ from {rows[0].given.name} at a batch of {size}: {', '.join(alike)}.")
    return said


def _told(rows: Sequence[Row], settings: Settings) -> list[str]:
    """How it was measured, and what the marks mean."""
    said = []
    for row in rows:
        said += [f"{row.given.name}: {note}." for note in row.notes]
        if row.given.recipe is None:
            said.append(f"{row.given.name}: nothing is known of its data; it was timed with drawn numbers, not scored.")
    if not rows:
        return said
    fixed = [r.given.name for r in rows if r.given.batch is not None and {*settings.sizes} != {r.given.batch}]
    if fixed:
        said.append(
            f"Given to it part by part, as the file takes a fixed number at once: {', '.join(fixed)}. "
            "export --dynamic-batch makes one that takes any."
        )
    if any(row.of_parent for row in rows):
        said.append("* of the network that it was made of: its own are packed, or in a file.")
    for scored, words in (("result.json", "as result.json of these weights has them"), ("evaluated", "evaluated now")):
        names = [row.given.name for row in rows if row.scored == scored]
        if names:
            said.append(f"Scores {words}: {', '.join(names) if len(names) < len(rows) else 'all'}.")
    if not any(row.joules for row in rows):
        said.append("Energy: no counter of this machine can be read (NVML of a GPU, RAPL of a processor).")
    threads = sorted({row.threads for row in rows if row.threads is not None})
    fewest = settings.rounds < 6
    counted = f"{' and '.join(map(str, threads))} thread{'s' * (threads != [1])}"
    said.append(
        f"{settings.device}, {counted}; {settings.rounds} rounds, "
        f"in turn, each in its own process; examples of the {settings.split} part. "
        + ("Times as fast: without an interval below 6 repetitions." if fewest else "[..]: 95 % interval by rounds.")
    )
    return said


def plain(rows: Sequence[Row], settings: Settings) -> dict[str, Any]:
    """Everything that was found, for other programs."""
    return {
        "threads": settings.threads,
        "device": settings.device,
        "repetitions": settings.rounds,
        "split": settings.split,
        "monitor": _monitored(rows),
        "networks": [_entry(row) for row in rows],
    }


def _entry(row: Row) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": row.given.name,
        "path": str(row.given.path),
        "cause": row.cause,
        "bytes": row.given.bytes,
        "memory": row.memory,
        "parameters": row.parameters,
        "zeros": row.zeros,
        "flops": row.flops,
        "of_parent": row.of_parent,
        "scores": row.scores,
        "scored": row.scored,
        "latency": [asdict(latency) | _energy(row, latency) for latency in row.latency.values()],
        "notes": row.notes,
    }


def _energy(row: Row, latency: Latency) -> dict[str, float]:
    return {"joules": row.joules[latency.size]} if latency.size in row.joules else {}


def as_csv(rows: Sequence[Row]) -> str:
    """A line for each network; what is by batch size has it behind its name."""
    from runner.record.files import as_csv as lines_of

    lines: list[dict[str, Any]] = []
    for row in rows:
        entry = _entry(row)
        line = {name: entry[name] for name in ("name", "path", "cause", "bytes", "memory", "parameters", "zeros")}
        line |= {name: entry[name] for name in ("flops", "of_parent", "scored")}
        for size, one in row.latency.items():
            told = {name: getattr(one, name) for name in ("calls", "median", "p95", "p99", "per_second")}
            if one.ratio is not None:
                told |= {"ratio": one.ratio.median, "ratio_low": one.ratio.low, "ratio_high": one.ratio.high}
            line |= {f"{name}_{size}": value for name, value in (told | _energy(row, one)).items()}
        lines.append(line | row.scores)
    names = list(dict.fromkeys(name for line in lines for name in line))
    return lines_of([names, *([line.get(name) for name in names] for line in lines)])
