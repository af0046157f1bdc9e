"""A whole table for training: CSV or parquet, each column read as numbers, words or dates, whichever it holds."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from runner.data.table.blocks import Block, Values, read_blocks
from runner.data.table.header import column_names, is_parquet, read_header
from runner.data.table.meaning import EXPECTED, Kind, Notation, as_texts, read
from runner.errors import RunFailed

MOSTLY = 0.9  # share of numbers (or dates) from which on a value that is none is taken for a mistake


def read_table(
    path: Path,
    leave_out: Collection[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    notation: Notation | None = None,
) -> pl.DataFrame:
    """All columns, in the order of the file: Float64, String or Datetime (microseconds of UTC), null where no value is.

    A column of a CSV file is numeric when its values are finite numbers, a date when they are ISO dates or times. One
    in which at least nine of ten values are and some are not is refused, as a mistake in it would make every number a
    category. In a parquet file numbers are numbers and texts are not, except for ISO dates.

    Args:
        path: the file; CSV in UTF-8.
        leave_out: columns not to read.
        kinds: what columns are, whatever they look like.
        notation: how texts are to be read.

    Raises:
        RunFailed: a line has too many or too few values, or a value is none of its kind.
    """
    notation, kinds = notation or Notation(), kinds or {}
    columns = [name for name in column_names(path) if name not in leave_out]
    if is_parquet(path):
        return _read_parquet(path, columns, kinds, notation)
    return _CsvTable(path, kinds, notation).read(columns)


def _read_parquet(path: Path, columns: Sequence[str], kinds: Mapping[str, Kind], notation: Notation) -> pl.DataFrame:
    frame = pl.read_parquet(path, columns=list(columns))
    read_columns = []
    for name in columns:
        column = frame[name]
        if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object, pl.Duration):
            raise RunFailed(
                f"{path}: column {name!r} holds values of the type {column.dtype}. Expected numbers, texts, true and "
                f"false, or dates; data.exclude=[{name}] leaves it out."
            )
        typed = _of_its_type(column)
        kind = kinds.get(name, typed)
        if kind is not None and kind == typed:
            meaning = read(column, kind, notation)
            if meaning.refused.any():
                row = int(meaning.refused.arg_max() or 0)
                raise RunFailed(f"{path}, row {row + 1}, column {name!r}: {column[row]!r} {EXPECTED[kind]}.")
            read_columns.append(meaning.values)
        else:
            tried: tuple[Kind, ...] = ("date",) if kind is None else (kind,)
            texts = as_texts(column)
            read_columns.append(
                _understood(texts, tried, notation, lambda row: f"{path}, row {row + 1}", kind is not None)
            )
    return pl.DataFrame(read_columns)


def _of_its_type(column: pl.Series) -> Kind | None:
    """What a typed column is; None of texts, and of true and false."""
    if column.dtype in (pl.Date, pl.Datetime):
        return "date"
    return "number" if column.dtype.is_numeric() else None


class _CsvTable:
    """A CSV file that is read block by block, so that its texts are never all in memory at once."""

    def __init__(self, path: Path, kinds: Mapping[str, Kind], notation: Notation) -> None:
        self.path = path
        self.kinds = kinds
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
        tried = [texts for texts in values.frame if self.kinds.get(texts.name, "number") == "number"]
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
        kind = self.kinds.get(texts.name)
        tried: tuple[Kind, ...] = ("number", "date") if kind is None else (kind,)
        return _understood(
            texts, tried, self.notation, lambda row: f"{self.path}, line {self._line(row)}", kind is not None
        )

    def _line(self, row: int) -> int:
        """The number of the line of a row."""
        for block in self._blocks():
            lines = block.texts(block.header.names[:1]).lines
            if row < len(lines):
                return lines[row]
            row -= len(lines)
        raise AssertionError(row)


def _understood(
    texts: pl.Series, kinds: Sequence[Kind], notation: Notation, place: Callable[[int], str], said: bool = False
) -> pl.Series:
    """The values as the first of `kinds` that most of them are, else as words.

    Args:
        texts: a column.
        kinds: those that are tried.
        notation: how texts are to be read.
        place: of a row, in words.
        said: whether a user said that it is of this kind: then all values must be.

    Raises:
        RunFailed: most of them are numbers or dates, and some are not.
    """
    different = texts.value_counts(name="rows")  # texts repeat: what holds of these holds of all
    values, rows = different[texts.name], different["rows"]
    for kind in kinds:
        if kind == "words":
            break
        meaning = read(values, kind, notation)
        failures = int(rows.filter(meaning.refused).sum())
        successes = int(rows.filter(meaning.values.is_not_null()).sum())
        if not said and (not successes or failures > (1 - MOSTLY) * (failures + successes)):
            continue
        meaning = read(texts, kind, notation)
        if not failures:
            return meaning.values
        row = int(meaning.refused.arg_max() or 0)
        others = f"data.kinds says that all in it are {kind}s" if said else f"{successes:,} others in this column are"
        raise RunFailed(
            f"{place(row)}, column {texts.name!r}: {texts[row].strip()!r} {EXPECTED[kind]}, as {others}. Correct it, "
            f"add it to data.na_values to count it as missing, or say data.kinds={{{texts.name}:category}}."
        )
    words = read(values, "words", notation).values
    return texts if words.equals(values, null_equal=True) else read(texts, "words", notation).values
