"""Reading a CSV file into columns of numbers and words."""

import csv
import math
from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.errors import ConfigError, RunFailed, counted

MOSTLY = 0.9  # share of numbers from which on a value that is none is taken for a mistake


@dataclass(frozen=True)
class Numbers:
    """A numeric column; NaN where the value is missing."""

    values: NDArray[np.float64]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        return np.isnan(self.values)

    def rows(self, keep: NDArray[np.bool_]) -> "Numbers":
        """The column of fewer rows."""
        return Numbers(self.values[keep])


@dataclass(frozen=True)
class Words:
    """A column of text: ``known[code]``; code -1 where the value is missing. `known` is sorted."""

    codes: NDArray[np.int64]
    known: tuple[str, ...]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        return self.codes < 0

    def rows(self, keep: NDArray[np.bool_]) -> "Words":
        """The column of fewer rows."""
        return Words(self.codes[keep], self.known)


Column = Numbers | Words


@dataclass(frozen=True)
class Header:
    """The first line.

    Attributes:
        names: of the columns.
        delimiter: comma, semicolon or tab: the one that finds most columns.
    """

    names: tuple[str, ...]
    delimiter: str


def read_header(path: Path) -> Header:
    """The names of the columns; reads nothing else.

    Raises:
        ConfigError: the first line doesn't name at least two columns, each once.
    """
    try:
        with path.open("rb") as file:  # as bytes: decoded text is read ahead, far past the first line
            line = file.readline().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"data.path={path}: {NOT_UTF8}") from error
    splits = {mark: next(csv.reader([line], delimiter=mark, skipinitialspace=True), []) for mark in (",", ";", "\t")}
    delimiter = max(splits, key=lambda mark: len(splits[mark]))
    names = tuple(name.strip() for name in splits[delimiter])
    if len(names) < 2:
        problem = f"its first line names {len(names)} column(s)"
    elif all(_number(name) is not None for name in names):
        problem = "its first line holds numbers"
    elif "" in names:
        problem = f"column {names.index('') + 1} has no name"
    elif twice := sorted({name for name in names if names.count(name) > 1}):
        problem = f"the name {twice[0]!r} stands there twice"
    else:
        return Header(names, delimiter)
    raise ConfigError(
        f"data.path={path}: {problem}. Expected a first line with the names of at least two columns, separated by "
        "commas, semicolons or tabs."
    )


def read_columns(
    path: Path,
    header: Header,
    leave_out: Collection[str] = (),
    words: Collection[str] = (),
    na_values: Collection[str] = ("",),
    decimal: str = ".",
) -> dict[str, Column]:
    """All columns, in the order of the file.

    A column is numeric when its values are finite numbers. One in which at least nine of ten values are numbers and
    some are not is refused, as a mistake in it would make every number a category.

    Args:
        path: the file, in UTF-8.
        header: its first line.
        leave_out: columns not to read.
        words: columns to read as text whatever they hold.
        na_values: values that mean that there is none.
        decimal: the decimal mark.

    Raises:
        RunFailed: a line has too many or too few values, or a number is none.
    """
    builders = {
        name: _Builder(name in words, frozenset(na_values), decimal) for name in header.names if name not in leave_out
    }
    _fill(path, header, builders)
    unsure = {name: builder for name, builder in builders.items() if builder.failures}
    for name, builder in unsure.items():
        if builder.failures <= (1 - MOSTLY) * (builder.failures + builder.successes):
            raise RunFailed(
                f"{path}, line {builder.line}, column {name!r}: {builder.example!r} is no finite number, as "
                f"{builder.successes:,} others in this column are. Correct it, add it to data.na_values to count it as "
                f"missing, or name the column in data.categorical."
            )
    if unsure:  # read again, as the texts of what looked like numbers weren't kept
        again = {name: _Builder(True, frozenset(na_values), decimal) for name in unsure}
        _fill(path, header, again)
        builders |= again
    return {name: builder.column() for name, builder in builders.items()}


NOT_UTF8 = "it is not in UTF-8. Save it as UTF-8, or convert it with `iconv -f latin1 -t utf-8`."


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass
class _Builder:
    """A column while it is read."""

    as_words: bool
    na_values: frozenset[str]
    decimal: str
    values: "array[float]" = field(default_factory=lambda: array("d"))
    codes: "array[int]" = field(default_factory=lambda: array("q"))
    known: dict[str, int] = field(default_factory=dict)
    successes: int = 0
    failures: int = 0
    line: int = 0
    example: str = ""

    def add_number(self, text: str, line: int) -> None:
        text = text.strip()
        if text in self.na_values:
            self.values.append(math.nan)
            return
        value = _number(text if self.decimal == "." else text.replace(self.decimal, "."))
        if value is None:
            self.failures += 1
            if self.failures == 1:
                self.line, self.example = line, text
            self.values.append(math.nan)
        else:
            self.successes += 1
            self.values.append(value)

    def add_word(self, text: str, line: int) -> None:
        text = text.strip()
        self.codes.append(-1 if text in self.na_values else self.known.setdefault(text, len(self.known)))

    def column(self) -> Column:
        if not self.as_words:
            return Numbers(np.array(self.values, dtype=np.float64))
        known = sorted(self.known)
        rank = {word: position for position, word in enumerate(known)}
        # From the order of appearance to the sorted one; the last entry serves code -1.
        position = np.array([*(rank[word] for word in self.known), -1], dtype=np.int64)
        return Words(position[np.array(self.codes, dtype=np.int64)], tuple(known))


def _fill(path: Path, header: Header, builders: dict[str, _Builder]) -> None:
    adders: list[tuple[int, Callable[[str, int], None]]] = [
        (header.names.index(name), builder.add_word if builder.as_words else builder.add_number)
        for name, builder in builders.items()
    ]
    for line, row in _lines(path, header):
        for position, add in adders:
            add(row[position], line)


def _lines(path: Path, header: Header) -> Iterator[tuple[int, list[str]]]:
    """Numbers (from 1) and values of the lines after the first; empty lines are skipped."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=header.delimiter, skipinitialspace=True)
        try:
            next(reader)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header.names):
                    raise RunFailed(
                        f"{path}, line {reader.line_num}: {counted(len(row), 'value')}, but the first line names "
                        f"{len(header.names)} columns. Correct the line; a value with a {header.delimiter!r} in it "
                        "must stand in double quotes."
                    )
                yield reader.line_num, row
        except UnicodeDecodeError as error:
            raise RunFailed(f"{path}: {NOT_UTF8}") from error
        except csv.Error as error:
            raise RunFailed(f"{path}, line {reader.line_num}: {error}.") from error
