"""A whole table for training: CSV or parquet, each column read as numbers, words or dates, whichever it holds."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import polars as pl

from runner.data.table.blocks import Values, read_blocks
from runner.data.table.header import Header, column_names, is_parquet, read_header
from runner.data.table.meaning import EXPECTED, Kind, Notation, as_moments, read
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
    with path.open("rb") as file:
        header = read_header(file, f"data.path={path}")
    return _CsvTable(path, header, words, notation).read(columns)


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
            texts = read(column, "words", notation).values
            dates = None if name in words else _as_mostly(texts, "date", notation, lambda row: f"{path}, row {row + 1}")
            read_columns.append(texts if dates is None else dates)
    return pl.DataFrame(read_columns)


class _CsvTable:
    """A CSV file that is read block by block, so that its texts are never all in memory at once."""

    def __init__(self, path: Path, header: Header, words: Collection[str], notation: Notation) -> None:
        self.path = path
        self.header = header
        self.words = words
        self.notation = notation

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """Columns that are numbers from the first block on are kept as such; texts are looked at again at the end."""
        frames: list[pl.DataFrame] = []
        numbers: list[str] | None = None
        mixed: set[str] = set()
        # Polars reads an empty numeric value as a gap, and a decimal comma not at all where commas separate.
        quick = self.notation.decimal == "." and "" in self.notation.na_values
        with self.path.open("rb") as file:
            header = read_header(file, str(self.path))
            for block in read_blocks(file, header, str(self.path)):
                values = None
                if quick and numbers is not None:
                    values = block.typed(columns, numbers, self.notation.na_values)
                if values is None:
                    values = self._refusing(block.texts(columns))
                    tried = [name for name in columns if name not in self.words] if numbers is None else numbers
                    read_as = {name: read(values.frame[name], "number", self.notation) for name in tried}
                    failed = [name for name, meaning in read_as.items() if meaning.refused.any()]
                    if numbers is None:
                        numbers = [name for name in tried if name not in failed]
                    else:
                        mixed.update(failed)
                    found = [read_as[name].values for name in numbers]
                    values = Values(values.frame.with_columns(found), values.lines, [])
                frames.append(values.frame)
        if not frames:
            raise RunFailed(f"{self.path}: it has no line after the first. Expected a line for each example.")
        table = pl.concat(frames, rechunk=True)
        if mixed:  # read again, as the texts of what looked like numbers weren't kept
            table = table.with_columns(self._texts(sorted(mixed)))
        return table.with_columns([self._understood(column) for column in table if column.dtype == pl.String])

    def _texts(self, columns: Sequence[str]) -> pl.DataFrame:
        with self.path.open("rb") as file:
            header = read_header(file, str(self.path))
            return pl.concat([b.texts(columns).frame for b in read_blocks(file, header, str(self.path))])

    def _refusing(self, values: Values) -> Values:
        if values.bad:
            line, reason = values.bad[0]
            raise RunFailed(f"{self.path}, line {line}: {reason}")
        return values

    def _understood(self, texts: pl.Series) -> pl.Series:
        kinds: tuple[Kind, ...] = () if texts.name in self.words else ("number", "date")
        for kind in kinds:
            understood = _as_mostly(texts, kind, self.notation, lambda row: f"{self.path}, line {self._line(row)}")
            if understood is not None:
                return understood
        return read(texts, "words", self.notation).values

    def _line(self, row: int) -> int:
        """The number of the line of a row."""
        with self.path.open("rb") as file:
            header = read_header(file, str(self.path))
            for block in read_blocks(file, header, str(self.path)):
                lines = block.texts(header.names[:1]).lines
                if row < len(lines):
                    return lines[row]
                row -= len(lines)
        raise AssertionError(row)


def _as_mostly(texts: pl.Series, kind: Kind, notation: Notation, place: Callable[[int], str]) -> pl.Series | None:
    """The values as numbers or dates; None where they are something else.

    Raises:
        RunFailed: most of them are, and some are not.
    """
    meaning = read(texts, kind, notation)
    failures, successes = int(meaning.refused.sum()), int(meaning.values.is_not_null().sum())
    if not failures and successes:
        return meaning.values
    if not successes or failures > (1 - MOSTLY) * (failures + successes):
        return None
    row = int(meaning.refused.arg_max() or 0)
    raise RunFailed(
        f"{place(row)}, column {texts.name!r}: {texts[row].strip()!r} {EXPECTED[kind]}, as {successes:,} others in "
        f"this column are. Correct it, add it to data.na_values to count it as missing, or name the column in "
        f"data.categorical."
    )
