"""Texts in a column of a table: CSV, TSV, parquet or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.data.table.header import is_parquet
from runner.data.text.files import decoded
from runner.data.text.reading import JSON_LINES
from runner.data.text.tokenizer import Tokenizer
from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError, RunFailed, did_you_mean

TABLES = (".csv", ".tsv", ".parquet", *JSON_LINES)


@dataclass(frozen=True)
class Row:
    """Some values of a row.

    Attributes:
        place: file and line, for messages.
        values: in the order that was asked for; None where there is none.
    """

    place: str
    values: tuple[str | None, ...]


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Some columns of a file, row by row; in a CSV file a quoted value may go over several lines.

    Args:
        path: parquet by its first bytes, JSON lines by its ending, else CSV in UTF-8, separated by the sign that the
            first line has most of: comma, semicolon or tab.
        columns: their names.

    Raises:
        ConfigError: there is no such column.
        RunFailed: a line is no UTF-8, no JSON, or has too many or too few values; a quote is never closed.
    """
    if is_parquet(path):
        yield from _parquet(path, columns)
        return
    text = decoded(path.read_bytes(), path)
    yield from _json(path, text, columns) if path.suffix in JSON_LINES else _csv(path, text, columns)


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    import polars as pl

    _refuse_missing(path, columns, list(pl.read_parquet_schema(path)))
    for number, values in enumerate(pl.read_parquet(path, columns=list(columns)).select(columns).iter_rows(), 1):
        yield Row(f"{path}, row {number}", tuple(None if value is None else str(value) for value in values))


def _json(path: Path, text: str, columns: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RunFailed(f"{path}, line {number}: it is no JSON ({error}).") from error
        if not isinstance(entry, dict):
            raise RunFailed(f"{path}, line {number}: expected an object, such as {{{columns[0]!r}: ...}}.")
        if number == 1:
            _refuse_missing(path, columns, list(entry))
        yield Row(f"{path}, line {number}", tuple(_told(entry.get(name)) for name in columns))


def _told(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _csv(path: Path, text: str, columns: Sequence[str]) -> Iterator[Row]:
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    before = csv.field_size_limit(sys.maxsize)  # a text may be longer than the 131,072 signs that Python reads at most
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        names = [name.strip() for name in next(lines, [])]
        _refuse_missing(path, columns, names)
        places = [names.index(name) for name in columns]
        begins = lines.line_num + 1
        for values in lines:
            if values and len(values) != len(names):
                raise RunFailed(
                    f"{path}, line {begins}: {len(values)} values, and the first line names {len(names)} columns. Put "
                    "texts with separators in them in double quotes."
                )
            if values:
                yield Row(f"{path}, line {begins}", tuple(values[place] for place in places))
            begins = lines.line_num + 1
    except csv.Error as error:
        raise RunFailed(f"{path}, line {begins}: {error}. Is a double quote never closed?") from error
    finally:
        csv.field_size_limit(before)


def _refuse_missing(path: Path, columns: Sequence[str], names: Sequence[str]) -> None:
    for name in columns:
        if names.count(name) != 1:
            there = "are several columns" if name in names else "is no column"
            raise ConfigError(
                f"{path}: there {there} {name!r}.{did_you_mean(name, names)} Its columns: {', '.join(names[:20])}."
            )


class ColumnTokenizer(Tokenizer):
    """A tokenizer that also reads its texts out of the column of tables."""

    column: str

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Texts of tables (`TABLES`), and of other files as `read_texts` gives them."""
        for source in sources:
            if Path(source).suffix not in TABLES or not Path(source).is_file():
                yield from super().read([source], size)
                continue
            rows = [(row.place, row.values[0] or "") for row in read_rows(Path(source), [self.column])]
            for start in range(0, len(rows), size):
                some = rows[start : start + size]
                yield Raw([text for _, text in some], [place for place, _ in some])
