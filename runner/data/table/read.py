"""A whole table for training: CSV or parquet, each column read as numbers, words or dates, whichever it holds."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import polars as pl

from runner.data.table.blocks import Block, Values, read_blocks
from runner.data.table.header import column_names, is_parquet, read_header
from runner.data.table.meaning import EXPECTED, Kind, Notation, as_moments, as_texts, read
from runner.errors import RunFailed

MOSTLY = 0.9  # share of numbers (or dates) from which on a value that is none is taken for a mistake


def read_table(
    path: Path, leave_out: Collection[str] = (), words: Collection[str] = (), notation: Notation | None = None
) -> pl.DataFrame:
    """All columns, in the order of the file: Float64, String or Datetime (microseconds of UTC), null where no value is.

    A column of a CSV file is numeric when its values are finite numbers, a date when they are ISO dates or times. One
    in which at least nine of ten values are and some are not is refused, as a mistake in it would make every number a
    category. In a parquet file numbers are numbers and texts are not, except for ISO dates.

    Args:
        path: the file; CSV in UTF-8.
        leave_out: columns not to read.
        words: columns to read as words whatever they hold.
        notation: how texts are to be read.

    Raises:
        RunFailed: a line has too many or too few values, or a number is none.
    """
    notation = notation or Notation()
    columns = [name for name in column_names(path) if name not in leave_out]
    if is_parquet(path):
        return _read_parquet(path, columns, words, notation)
    return _CsvTable(path, words, notation).read(columns)


def _read_parquet(path: Path, columns: Sequence[str], words: Collection[str], notation: Notation) -> pl.DataFrame:
    frame = pl.read_parquet(path, columns=list(columns))
    read_columns = []
    for name in columns:
        column = frame[name]
        if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object, pl.Duration):
            raise RunFailed(
                f"{path}: column {name!r} holds values of the type {column.dtype}. Expected numbers, texts, true and "
                f"false, or dates; data.exclude=[{name}] leaves it out."
            )
        if name not in words and column.dtype in (pl.Date, pl.Datetime):
            read_columns.append(as_moments(column))
        elif name not in words and column.dtype.is_numeric():
            numbers = read(column, "number", notation)
            if numbers.refused.any():
                row = int(numbers.refused.arg_max() or 0)
                raise RunFailed(f"{path}, row {row + 1}, column {name!r}: {column[row]!r} {EXPECTED['number']}.")
            read_columns.append(numbers.values)
        else:
            texts = as_texts(column)
            kinds: tuple[Kind, ...] = () if name in words else ("date",)
            read_columns.append(_understood(texts, kinds, notation, lambda row: f"{path}, row {row + 1}"))
    return pl.DataFrame(read_columns)


class _CsvTable:
    """A CSV file that is read block by block, so that its texts are never all in memory at once."""

    def __init__(self, path: Path, words: Collection[str], notation: Notation) -> None:
        self.path = path
        self.words = words
        self.notation = notation

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """Columns that are numbers from the first block on are kept as such; texts are looked at again at the end."""
        frames: list[pl.DataFrame] = []
        numbers: list[str] | None = None
        mixed: set[str] = set()
        # Polars takes any empty number for a gap, and knows a decimal point only.
        quick = self.notation.decimal == "." and "" in self.notation.na_values
        for block in self._blocks():
            if numbers is None:
                numbers = self._numbers(block.texts(columns))
            values = block.typed(columns, numbers, self.notation.na_values) if quick else None
            frames.append(values.frame if values else self._typed(block.texts(columns), numbers, mixed))
        if not frames:
            raise RunFailed(f"{self.path}: it has no line after the first. Expected a line for each example.")
        table = pl.concat(frames)
        if mixed:  # read again, as the texts of what looked like numbers weren't kept
            names = sorted(mixed)
            table = table.with_columns(pl.concat([block.texts(names).frame for block in self._blocks()]))
        return table.with_columns([self._understood(column) for column in table if column.dtype == pl.String])

    def _blocks(self) -> Iterator[Block]:
        with self.path.open("rb") as file:
            header = read_header(file, str(self.path))
            yield from read_blocks(file, header, str(self.path))

    def _numbers(self, values: Values) -> list[str]:
        """The columns whose values are all numbers."""
        tried = [texts for texts in values.frame if texts.name not in self.words]
        return [texts.name for texts in tried if not read(texts, "number", self.notation).refused.any()]

    def _typed(self, values: Values, numbers: Collection[str], mixed: set[str]) -> pl.DataFrame:
        """Some of the table; what is in `numbers` and holds anything else is added to `mixed`.

        Raises:
            RunFailed: a line has too many or too few values.
        """
        for line, reason in values.bad:
            raise RunFailed(f"{self.path}, line {line}: {reason}")
        columns = []
        for texts in values.frame:
            meaning = read(texts, "number" if texts.name in numbers else "words", self.notation)
            columns.append(meaning.values)
            if meaning.refused.any():
                mixed.add(texts.name)
        return pl.DataFrame(columns)

    def _understood(self, texts: pl.Series) -> pl.Series:
        kinds: tuple[Kind, ...] = () if texts.name in self.words else ("number", "date")
        return _understood(texts, kinds, self.notation, lambda row: f"{self.path}, line {self._line(row)}")

    def _line(self, row: int) -> int:
        """The number of the line of a row."""
        for block in self._blocks():
            lines = block.texts(block.header.names[:1]).lines
            if row < len(lines):
                return lines[row]
            row -= len(lines)
        raise AssertionError(row)


def _understood(texts: pl.Series, kinds: Sequence[Kind], notation: Notation, place: Callable[[int], str]) -> pl.Series:
    """The values as the first of `kinds` that most of them are, else as words.

    Raises:
        RunFailed: most of them are numbers or dates, and some are not.
    """
    different = texts.value_counts(name="rows")  # texts repeat: what holds of these holds of all
    values, rows = different[texts.name], different["rows"]
    for kind in kinds:
        meaning = read(values, kind, notation)
        failures = int(rows.filter(meaning.refused).sum())
        successes = int(rows.filter(meaning.values.is_not_null()).sum())
        if not successes or failures > (1 - MOSTLY) * (failures + successes):
            continue
        meaning = read(texts, kind, notation)
        if not failures:
            return meaning.values
        row = int(meaning.refused.arg_max() or 0)
        raise RunFailed(
            f"{place(row)}, column {texts.name!r}: {texts[row].strip()!r} {EXPECTED[kind]}, as {successes:,} others in "
            "this column are. Correct it, add it to data.na_values to count it as missing, or name the column in "
            "data.categorical."
        )
    words = read(values, "words", notation).values
    return texts if words.equals(values, null_equal=True) else read(texts, "words", notation).values
