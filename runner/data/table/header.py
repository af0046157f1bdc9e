"""The names of a table's columns."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.errors import ConfigError

NOT_UTF8 = "it is not in UTF-8. Save it as UTF-8, or convert it with `iconv -f latin1 -t utf-8`."


@dataclass(frozen=True)
class Header:
    """The first line.

    Attributes:
        names: of the columns.
        delimiter: comma, semicolon or tab: the one that finds most columns.
    """

    names: tuple[str, ...]
    delimiter: str


def read_header(file: BinaryIO, source: str) -> Header:
    """The names of the columns; reads the first line and nothing else.

    Args:
        file: the content, at its beginning.
        source: where it comes from, for messages: ``data.path=table.csv``.

    Raises:
        ConfigError: the first line doesn't name at least two columns, each once.
    """
    try:
        line = file.readline().decode("utf-8-sig")  # as bytes: decoded text is read ahead, far past the first line
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: {NOT_UTF8}") from error
    try:
        splits = {mark: next(csv.reader([line], delimiter=mark, skipinitialspace=True), []) for mark in ",;\t"}
    except csv.Error as error:
        alone = line.count("\r") > line.count("\r\n")
        why = "its lines end in carriage returns alone" if alone else f"its first line can't be taken apart ({error})"
        raise ConfigError(f"{source}: {why}. Save it with the line ends of today (LF or CRLF).") from error
    delimiter = max(splits, key=lambda mark: len(splits[mark]))
    names = tuple(name.strip() for name in splits[delimiter])
    if len(names) < 2:
        problem = f"its first line names {len(names)} column(s)"
    elif all(_is_number(name) for name in names):
        problem = "its first line holds numbers"
    else:
        refuse_names(names, source)
        return Header(names, delimiter)
    raise ConfigError(f"{source}: {problem}. {_EXPECTED}")


def refuse_names(names: Sequence[str], source: str) -> None:
    """See that every column has a name of its own.

    Raises:
        ConfigError: a name is empty or stands there twice.
    """
    if "" in names:
        raise ConfigError(f"{source}: column {names.index('') + 1} has no name. {_EXPECTED}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{source}: the name {twice[0]!r} stands there twice. {_EXPECTED}")


def is_parquet(path: Path) -> bool:
    """By the first bytes; the name may be any."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def column_names(path: Path, key: str = "data.path") -> tuple[str, ...]:
    """Reads the first line of a CSV file, or the schema of a parquet file; `key` is what named it, for messages.

    Raises:
        ConfigError: the columns have no names, or not each its own.
    """
    source = f"{key}={path}"
    if not is_parquet(path):
        with path.open("rb") as file:
            return read_header(file, source).names
    import polars as pl

    try:
        names = tuple(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ConfigError(f"{source}: it is no parquet file, or a damaged one: {error}.") from error
    refuse_names(names, source)
    return names


_EXPECTED = "Expected a first line with the names of at least two columns, separated by commas, semicolons or tabs."


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
