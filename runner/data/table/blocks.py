"""A CSV file in blocks of whole records, in memory that doesn't grow with the file.

Polars parses a block wherever it and Python's csv module are certain to read the same; the module itself reads the
others (quotes inside a value, a space before a quote, lines with too many or too few values) and tells what is wrong
with which line.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
import polars as pl

from runner.data.table.header import NOT_UTF8, Header
from runner.errors import RunFailed, counted

BLOCK = 16 * 2**20  # bytes; larger ones are no faster
FIRST = 2**20  # bytes of the first, from which a reader may learn what the columns hold
LONGEST = 2**20  # bytes of one record past the end of a block; the csv module refuses values of 128 KiB

BadLine = tuple[int, str]  # its number, from 1, and what is wrong


@dataclass(frozen=True)
class Block:
    """Some whole records.

    Attributes:
        content: their bytes.
        first: number of the first line in the file, from 1.
        header: the file's.
        source: the file's name, for messages.
    """

    content: bytes
    first: int
    header: Header
    source: str

    @cached_property
    def newlines(self) -> int:
        """How many there are."""
        return _count(self.content, "\n")

    def typed(self, columns: Sequence[str], numbers: Collection[str], na_values: Collection[str]) -> "Values | None":
        """The values with `numbers` as Float64, in one go; None where `texts` must be looked at."""
        plain = self._plain()
        if plain is None:
            return None
        content, lines = plain
        schema = {name: pl.Float64() if name in numbers else pl.String() for name in self.header.names}
        try:
            frame = _parse(content, self.header, schema, columns, sorted(na_values))
        except pl.exceptions.PolarsError:
            return None
        if not all(column.is_finite().all() for column in frame if column.dtype == pl.Float64):
            return None
        return Values(frame, lines, [])

    def texts(self, columns: Sequence[str]) -> "Values":
        """The values as they stand there, all String and none null.

        Raises:
            RunFailed: the file is not in UTF-8.
        """
        plain = self._plain()
        if plain is not None:
            content, lines = plain
            try:
                schema = dict.fromkeys(self.header.names, pl.String())
                return Values(_parse(content, self.header, schema, columns, None), lines, [])
            except pl.exceptions.PolarsError:
                pass  # the csv module says what is wrong, and where
        return self._careful(columns)

    def _plain(self) -> tuple[bytes, Sequence[int]] | None:
        """The content without empty lines and the line each record ends on; None where polars isn't to be trusted."""
        content = self.content if self.content.endswith(b"\n") else self.content + b"\n"
        if _old_returns(content) or b"\0" in content:
            return None
        data = np.frombuffer(content, np.uint8)
        delimiter, wanted = ord(self.header.delimiter), len(self.header.names) - 1
        lines: Sequence[int] = range(self.first, self.first + self.newlines + len(content) - len(self.content))
        marks = _count(content, self.header.delimiter)
        if b'"' in content or marks != wanted * len(lines):
            quotes = np.flatnonzero(data == ord('"'))
            if not _well_formed(data, quotes, delimiter):
                return None
            newlines = np.flatnonzero(data == ord("\n"))
            length = np.diff(newlines, prepend=-1) - 1  # of each line
            outside = np.searchsorted(quotes, newlines) % 2 == 0
            empty = outside & ((length == 0) | ((length == 1) & (data[newlines - 1] == ord("\r"))))
            before = np.searchsorted(
                np.flatnonzero(data == delimiter), [*quotes, len(data)]
            )  # of each quote and the end
            marks = before[-1] - (before[1:-1:2] - before[:-1:2]).sum()
            lines = (self.first + np.flatnonzero(outside & ~empty)).tolist()
            if empty.any():
                keep = np.ones(len(data), dtype=bool)
                keep[newlines[empty]] = False
                keep[newlines[empty & (length == 1)] - 1] = False
                content = data[keep].tobytes()
        # With as many marks as whole lines have, and polars refusing lines that have more, none has fewer.
        return (content, lines) if marks == wanted * len(lines) else None

    def _careful(self, columns: Sequence[str]) -> "Values":
        positions = [self.header.names.index(name) for name in columns]
        values: list[list[str]] = [[] for _ in positions]
        lines: list[int] = []
        bad: list[BadLine] = []
        mark = self.header.delimiter
        try:
            reader = csv.reader(io.StringIO(self.content.decode(), newline=""), delimiter=mark, skipinitialspace=True)
        except UnicodeDecodeError as error:
            raise RunFailed(f"{self.source}: {NOT_UTF8}") from error
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                bad.append((self.first + reader.line_num - 1, f"{error}."))
                continue
            line = self.first + reader.line_num - 1
            if row is None:
                break
            if row and len(row) != len(self.header.names):
                bad.append((
                    line,
                    f"{counted(len(row), 'value')}, but the first line names {len(self.header.names)} columns. Correct "
                    f"the line; a value with a {mark!r} in it must stand in double quotes.",
                ))  # fmt: skip
            elif row:
                lines.append(line)
                for column, position in zip(values, positions, strict=True):
                    column.append(row[position])
        frame = pl.DataFrame(dict(zip(columns, values, strict=True)), dict.fromkeys(columns, pl.String()))
        return Values(frame, lines, bad)


@dataclass(frozen=True)
class Values:
    """What stands in a block.

    Attributes:
        frame: a row per good line.
        lines: their numbers.
        bad: the other lines.
    """

    frame: pl.DataFrame
    lines: Sequence[int]
    bad: list[BadLine]


def read_blocks(file: BinaryIO, header: Header, source: str, size: int = BLOCK) -> Iterator[Block]:
    """The records after the first line.

    Args:
        file: the content, after its first line.
        header: what `read_header` gave.
        source: the file's name, for messages.
        size: bytes per block, about.
    """
    line = 2
    while content := file.read(min(size, FIRST) if line == 2 else size):
        content += file.readline()
        # An odd number: most likely a value goes on; where it doesn't, the mark is part of a text.
        if b'"' in content and _count(content, '"') % 2:
            tail: list[bytes] = []
            marks = length = 0
            while not marks % 2 and length < LONGEST and (more := file.readline()):
                tail.append(more)
                marks, length = marks + more.count(b'"'), length + len(more)
            content += b"".join(tail)
        block = Block(content, line, header, source)
        yield block
        line += block.newlines + _old_returns(content)


def _parse(
    content: bytes,
    header: Header,
    schema: Mapping[str, pl.DataType],
    columns: Sequence[str],
    null_values: Sequence[str] | None,
) -> pl.DataFrame:
    frame = pl.read_csv(  # all columns: where only some are asked for, polars doesn't look at how many a line has
        content,
        has_header=False,
        schema=dict(schema),
        separator=header.delimiter,
        null_values=null_values,
        empty_string_is_null=null_values is not None,
    )
    return frame.select(columns)


def _count(content: bytes, character: str) -> int:
    """As ``content.count``, which is slow where there are many."""
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == ord(character)))


def _old_returns(content: bytes) -> int:
    """How many lines end in a carriage return alone."""
    return content.count(b"\r") - content.count(b"\r\n") if b"\r" in content else 0


def _well_formed(data: np.ndarray, quotes: np.ndarray, delimiter: int) -> bool:
    """Whether quotes only stand around whole values, or doubled within them."""
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    marks = [delimiter, ord("\n")]
    before = np.where(opening > 0, data[opening - 1], ord("\n"))
    after = data[closing + 1]  # the content ends in a newline
    doubled = np.concatenate([[False], closing[:-1] + 1 == opening[1:], [False]])
    opens = np.isin(before, marks) | doubled[:-1]
    closes = np.isin(after, [*marks, ord("\r")]) | doubled[1:]
    return bool(opens.all() and closes.all())
