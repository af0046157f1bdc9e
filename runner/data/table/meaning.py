"""What the values of a raw column mean: numbers, words or dates.

Raw columns are texts (CSV), typed (parquet) or both in turn; the same functions read them for training and, years
later, for prediction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import polars as pl

from runner.data.table.gaps import NA_VALUES

Kind = Literal["number", "words", "date"]

DATE = pl.Datetime("us")
_DATE_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M%:z")


@dataclass(frozen=True)
class Notation:
    """How texts are to be read.

    Attributes:
        na_values: those that mean that there is no value.
        decimal: the decimal mark.
    """

    na_values: Collection[str] = NA_VALUES
    decimal: str = "."


@dataclass(frozen=True)
class Meaning:
    """A column that was understood.

    Attributes:
        values: Float64, String or Datetime in microseconds of UTC; null where there is no value.
        refused: rows whose value is none of its kind.
    """

    values: pl.Series
    refused: pl.Series


def as_texts(column: pl.Series) -> pl.Series:
    """The values as a CSV file would have them: whole numbers without a decimal point, dates as in ISO 8601."""
    if column.dtype.is_float():
        whole = (column % 1 == 0) & (column.abs() < 2**53)
        texts = column.cast(pl.String)
        return texts.zip_with(~whole.fill_null(False), column.cast(pl.Int64, strict=False).cast(pl.String))
    if column.dtype == pl.Datetime:
        midnight = (column.dt.truncate("1d") == column).all()
        return column.dt.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S%.f")
    return column.cast(pl.String)


def read(column: pl.Series, kind: Kind, notation: Notation) -> Meaning:
    """A raw column of any type as one of a kind."""
    if kind == "words":
        return Meaning(_without_gaps(as_texts(column), notation), pl.repeat(False, len(column), eager=True))
    if kind == "number":
        return _numbers(column, notation)
    return _dates(column, notation)


def _without_gaps(texts: pl.Series, notation: Notation) -> pl.Series:
    """Without the spaces around them; null where they mean that there is no value."""
    texts = texts.str.strip_chars()
    gaps = texts.is_in(list(notation.na_values)).fill_null(False)
    return texts.set(gaps, None) if gaps.any() else texts


def _numbers(column: pl.Series, notation: Notation) -> Meaning:
    codes = [text for text in notation.na_values if _is_number(text)]
    if column.dtype == pl.Float64 and not codes and column.is_finite().all():  # as it was read
        return Meaning(column, pl.repeat(False, len(column), eager=True))
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).fill_nan(None)
        if codes:
            values = values.set(values.is_in([float(code) for code in codes]).fill_null(False), None)
        refused = values.is_infinite().fill_null(False)
        return Meaning(values.set(refused, None) if refused.any() else values, refused)
    texts = as_texts(column)
    values = _cast(texts, notation)
    unclear = ~values.is_finite().fill_null(False)  # gaps, numbers among spaces, and what is none: few
    if codes:
        unclear |= texts.str.strip_chars().is_in(codes).fill_null(False)
    some = _without_gaps(texts.filter(unclear), notation)
    numbers = _cast(some, notation)
    finite = numbers.is_finite().fill_null(False)
    rows = unclear.arg_true()
    values = values.scatter(rows, numbers.set(~finite, None))
    return Meaning(values, unclear.scatter(rows, some.is_not_null() & ~finite))


def _cast(texts: pl.Series, notation: Notation) -> pl.Series:
    if notation.decimal != ".":
        texts = texts.str.replace_all(notation.decimal, ".", literal=True)
    return texts.cast(pl.Float64, strict=False)


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _dates(column: pl.Series, notation: Notation) -> Meaning:
    if column.dtype in (pl.Date, pl.Datetime):
        return Meaning(as_moments(column), pl.repeat(False, len(column), eager=True))
    texts = _without_gaps(as_texts(column), notation)
    given = texts.is_not_null()
    texts = texts.set(~texts.str.contains(r"^\d{4}-\d{2}-\d{2}([T ]|$)").fill_null(False), None)
    texts = texts.str.replace("T", " ", literal=True).str.replace("Z$", "+00:00")
    moments = pl.Series(texts.name, [None], DATE).new_from_index(0, len(texts))
    for form in _DATE_FORMATS:
        left = texts.is_not_null() & moments.is_null()
        if not left.any():
            break
        zone = "UTC" if form.endswith("%:z") else None
        some = texts.filter(left).str.to_datetime(form, strict=False, time_unit="us", time_zone=zone)
        # A time without a zone is taken as UTC: a split by time must not depend on where it is computed.
        moments = moments.scatter(left.arg_true(), some.dt.replace_time_zone(None))
    return Meaning(moments, given & moments.is_null())


def as_moments(column: pl.Series) -> pl.Series:
    """Dates or times of any resolution and zone as microseconds of UTC."""
    if column.dtype == pl.Datetime and column.dtype.time_zone is not None:  # type: ignore[attr-defined]
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(DATE)


EXPECTED = {"number": "is no finite number", "date": "is no ISO date, such as 2026-05-31 or 2026-05-31T12:00:00"}
