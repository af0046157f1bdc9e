"""The raw rows of a file that is predicted, some at a time: files may be larger than memory, and may have bad rows."""

import json
import os
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

import polars as pl

from runner.data.table.blocks import BLOCK, BadLine, read_blocks
from runner.data.table.header import NOT_UTF8, read_header
from runner.data.table.transform import TableTransform
from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file

CHUNK = 65_536  # rows of parquet or JSON lines at a time

Format = Literal["csv", "parquet", "jsonl"]
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Some rows of a file.

    Attributes:
        frame: the good ones, as a `TableTransform` takes them.
        lines: their numbers: of lines from 1 (the first line names the columns of a CSV file), of rows in parquet.
        bad: the others: their numbers, and what is wrong with each.
    """

    frame: pl.DataFrame
    lines: Sequence[int]
    bad: list[BadLine]


def format_of(path: Path) -> Format:
    """The format that a file's name tells.

    Raises:
        ConfigError: it tells none.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"{path}: expected a table: {', '.join(_SUFFIXES)}.")
    return _SUFFIXES[path.suffix.lower()]


def raw_rows(source: str, transform: TableTransform, size: int) -> Iterator[Raw | Bad]:
    """The rows of a file that a user names, and those that can't be read, in their order.

    Args:
        source: a CSV, parquet or JSON-lines file, by its name; or ``-``, the standard input, CSV or JSON lines.
        transform: fitted.
        size: rows at once, at most.

    Raises:
        ConfigError: it is no table.
        RunFailed: a column is missing.
    """
    if source == "-":
        form: Format = "jsonl" if sys.stdin.buffer.peek(1)[:1] == b"{" else "csv"  # type: ignore[union-attr]
        yield from _in_turn(read_rows(sys.stdin.buffer, transform, form), "-", size)
        return
    path = table_file(source)
    with path.open("rb") as file:
        yield from _in_turn(read_rows(file, transform, format_of(path), source), source, size)


def table_file(source: str) -> Path:
    """The file of that name.

    Raises:
        ConfigError: it is not there, or no table.
    """
    path = Path(os.path.expanduser(source))
    if path.is_dir():
        raise ConfigError(f"{source}: is a folder. Expected a table: {', '.join(_SUFFIXES)}.")
    if not path.exists():
        raise ConfigError(f"{source}: {no_file(path)}")
    format_of(path)
    return path


def _in_turn(blocks: Iterator[Rows], source: str, size: int) -> Iterator[Raw | Bad]:
    """Good rows, `size` at once across blocks, and bad ones between them."""
    waiting: list[pl.DataFrame] = []
    places: list[str] = []

    def take(frame: pl.DataFrame, lines: Sequence[int]) -> Iterator[Raw]:
        at = 0
        while at < len(frame):
            some = min(size - len(places), len(frame) - at)
            waiting.append(frame[at : at + some])
            places.extend(f"{source}:{line}" for line in lines[at : at + some])
            at += some
            if len(places) == size:
                yield from flush()

    def flush() -> Iterator[Raw]:
        if places:
            yield Raw(pl.concat(waiting) if len(waiting) > 1 else waiting[0], list(places))
            waiting.clear()
            places.clear()

    for block in blocks:
        at = 0
        for line, reason in block.bad:
            until = bisect_left(block.lines, line, lo=at)
            yield from take(block.frame[at:until], block.lines[at:until])
            yield from flush()
            yield Bad(f"{source}:{line}", reason)
            at = until
        yield from take(block.frame[at:], block.lines[at:])
    yield from flush()


def read_rows(
    file: BinaryIO,
    transform: TableTransform,
    form: Format = "csv",
    source: str = "standard input",
    size: int = BLOCK,
    chunk: int = CHUNK,
) -> Iterator[Rows]:
    """All rows of a file in their order, read as the transform's training part was.

    Args:
        file: the content. Parquet needs a file that can be searched.
        transform: fitted; says which columns are wanted, what they hold and how texts are to be read.
        form: the format; the delimiter of CSV is found in its first line. A line of JSON is an object with all columns.
        source: the file's name, for messages.
        size: bytes of CSV at a time, about.
        chunk: rows of parquet or JSON lines at a time.

    Raises:
        ConfigError: the first line of CSV names no columns.
        RunFailed: a column is missing, or the content is not of this format.
    """
    if form == "csv":
        header = read_header(file, source)
        transform.refuse_missing(header.names, source)
        wanted = [column.name for column in transform.columns]
        for block in read_blocks(file, header, source, size):
            values = block.texts(wanted)
            yield _rows(values.frame, values.lines, values.bad, transform)
    elif form == "parquet":
        yield from _parquet(file, transform, source, chunk)
    else:
        yield from _json_lines(file, transform, source, chunk)


def _rows(frame: pl.DataFrame, lines: Sequence[int], bad: list[BadLine], transform: TableTransform) -> Rows:
    understood, refused = transform.understand(frame)
    if refused:
        bad = sorted([*bad, *((lines[row], f"{reason}.") for row, reason in refused.items())])
        understood = understood.filter(~pl.int_range(len(frame), eager=True).is_in(list(refused)))
        lines = [line for row, line in enumerate(lines) if row not in refused]
    return Rows(understood, lines, bad)


def _parquet(file: BinaryIO, transform: TableTransform, source: str, chunk: int) -> Iterator[Rows]:
    wanted = [column.name for column in transform.columns]
    try:
        table = pl.scan_parquet(file)
        transform.refuse_missing(table.collect_schema().names(), source)
        start = 1
        for frame in table.select(wanted).collect_batches(chunk_size=chunk, maintain_order=True):
            yield _rows(frame, range(start, start + len(frame)), [], transform)
            start += len(frame)
    except pl.exceptions.PolarsError as error:
        raise RunFailed(f"{source}: it is no parquet file, or a damaged one: {error}.") from error


def _json_lines(file: BinaryIO, transform: TableTransform, source: str, chunk: int) -> Iterator[Rows]:
    wanted = [column.name for column in transform.columns]
    numbered = enumerate(file, 1)
    while some := list(islice(numbered, chunk)):
        good: list[list[str | None]] = []
        lines: list[int] = []
        bad: list[BadLine] = []
        for line, content in some:
            if not content.strip():
                continue
            try:
                good.append(texts_of(_parsed(content), wanted))
                lines.append(line)
            except UnicodeDecodeError as error:
                raise RunFailed(f"{source}: {NOT_UTF8}") from error
            except ValueError as error:
                bad.append((line, f"{error}."))
        frame = pl.DataFrame(good, dict.fromkeys(wanted, pl.String()), orient="row")
        yield _rows(frame, lines, bad, transform)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at character {error.pos + 1}") from error


def texts_of(row: Any, wanted: Sequence[str]) -> list[str | None]:
    """The wanted values of an object of JSON, as a CSV file would have them; None is a gap.

    Raises:
        ValueError: it is no object, one is not there, or one is neither a number nor a text.
    """
    if not isinstance(row, dict):
        raise ValueError(f"expected an object such as {{{json.dumps(wanted[0])}: ...}}; received {row!r}")
    for name in wanted:
        if name not in row:
            raise ValueError(f"it has no {name!r}, which the network was trained with.{did_you_mean(name, row)[:-1]}")
    return [_text(name, row[name]) for name in wanted]


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise ValueError(f"column {name!r}: expected a number or a text; received {json.dumps(value)}")
    if isinstance(value, float) and value % 1 == 0:
        return f"{value:.0f}"
    return json.dumps(value)
