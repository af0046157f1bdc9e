"""Columns of a CSV file as series."""

import csv
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.parts.scaling import Floats
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file

Missing = Literal["error", "forward", "interpolate"]
Irregular = Literal["error", "accept", "resample"]
_LARGEST = float(np.finfo(np.float32).max)
GAPS = ("", "na", "n/a", "nan", "null", "none", "?")  # in any case
_NAMED = 5  # series in a note, at most
_RESAMPLED = 1_000  # steps that are made of each that there is, at most: more come from a time that is wrong


@dataclass(frozen=True)
class Series:
    """The steps of one series, by time.

    Attributes:
        values: ``(steps, columns)``; NaN where there is no number.
        times: of each step ``(steps,)``, seconds since 1970 where they are dates; None: they stand in order.
        dated: whether times are dates.
        name: of the series, where a file has several.
        lines: of the file, one for each step; None where values were made anew.
        read: how many steps the file has, where others were made of them; None: those that there are.
        gaps: how many steps had no value somewhere, and were given one.
    """

    values: Floats
    times: Floats | None = None
    dated: bool = False
    name: str = ""
    lines: NDArray[np.int64] | None = None
    read: int | None = None
    gaps: int = 0

    def place(self, path: Path, step: int) -> str:
        """Where a step stands, for messages."""
        return f"{path}, line {self.lines[step]}" if self.lines is not None else f"{path}, step {step + 1}"


@dataclass(frozen=True)
class Reading:
    """How the columns of a file become series.

    Attributes:
        order: the column of time, numbers or ISO dates, by which rows are sorted; None: they stand in order.
        decimal: the decimal mark.
        series: the column that names the series a row belongs to; None: all are of one.
        missing: a value that is not there is an ``error``, the last one before it (``forward``), or lies on a line
            between its neighbours (``interpolate``; outside of them, the nearest).
        irregular: steps of unequal length are an ``error``, taken as they are (``accept``), or give way to steps of
            the median length, whose values lie on lines between those there are (``resample``).
    """

    order: str | None = None
    decimal: str = "."
    series: str | None = None
    missing: Missing = "error"
    irregular: Irregular = "error"


def columns_of(path: Path, key: str, wanted: Collection[str] = ()) -> tuple[list[str], str]:
    """The names of a file's columns, and what separates them: comma, semicolon or tab.

    Args:
        path: the file, in UTF-8.
        key: the setting that names the columns, for messages.
        wanted: columns that must be among them.

    Raises:
        ConfigError: there is no such file, or a column is not among them.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: {no_file(path)}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
        delimiter = max(",;\t", key=line.count)
        names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: it is not in UTF-8.") from error
    except csv.Error as error:
        raise ConfigError(
            f"{path}: its first line can't be read ({error}). Expected the names of the columns."
        ) from error
    for name in wanted:
        if names.count(name) != 1:
            there = "several columns of that name" if name in names else "no such column"
            raise ConfigError(
                f"{key}={name}: {there} in {path}.{did_you_mean(name, names)} Its columns: {', '.join(names)}."
            )
    return names, delimiter


def rows_of(path: Path, names: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file behind its first, each with the line in which it begins.

    Args:
        path: the file, in UTF-8.
        names: of its columns.
        delimiter: what separates them; see `columns_of`.

    Raises:
        RunFailed: a row has too many or too few values, or a quote is never closed.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        begins = 1
        try:
            next(reader)
            begins = reader.line_num + 1
            for row in reader:
                if row and len(row) != len(names):
                    raise RunFailed(
                        f"{path}, line {begins}: {len(row)} values, and the first line names {len(names)} columns. Put "
                        "values with separators in them in double quotes."
                    )
                if row:
                    yield begins, row
                begins = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise RunFailed(f"{path}, line {begins}: it is not in UTF-8.") from error
        except csv.Error as error:
            raise RunFailed(f"{path}, line {begins}: {error}. Is a double quote never closed?") from error


def read_series(path: Path, columns: Sequence[str], reading: Reading, told: int | None = None) -> list[Series]:
    """Some columns of a file as series, in the order of their names' first rows.

    Args:
        path: the file, in UTF-8.
        columns: which.
        reading: how.
        told: of a file to predict, how many of the columns, the first, are not known of the steps to be told: where
            none of these has a value at the end, the rows are kept as they are. None: every row needs all values.

    Raises:
        ConfigError: see `columns_of`.
        RunFailed: a value is missing or no number, a row has too many or too few of them, a quote is never closed, two
            steps have one time, or steps are of unequal length.
    """
    wanted = [*columns, *(name for name in (reading.order, reading.series) if name)]
    names, delimiter = columns_of(path, "column", wanted)
    places = [names.index(name) for name in columns]
    when = names.index(reading.order) if reading.order else None
    which = names.index(reading.series) if reading.series else None
    found: dict[str, list[tuple[int, float, list[float]]]] = {}
    dated: bool | None = None
    for line, row in rows_of(path, names, delimiter):
        try:
            values = [number(row[place], reading.decimal) for place in places]
            time, date = (0.0, False) if when is None else _time(row[when], reading.decimal)
            if dated not in (None, date):
                raise ValueError(f"{row[when or 0]!r} is a {'date' if date else 'number'}, those before are not")
        except ValueError as error:
            raise RunFailed(
                f"{path}, line {line}: {error}. Expected a number in every column of a series, and a number or an "
                "ISO date for its time."
            ) from error
        dated = date
        found.setdefault("" if which is None else row[which].strip(), []).append((line, time, values))
    made = []
    for name, rows in found.items():
        lines, times = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
        table = np.array([row[2] for row in rows], dtype=np.float64).reshape(len(rows), len(columns))
        if when is None:
            one = Series(table, name=name, lines=lines)
        else:
            order = np.argsort(times, kind="stable")
            one = _regular(Series(table[order], times[order], bool(dated), name, lines[order]), path, reading)
        made.append(filled(one, path, columns, reading.missing, told))
    return made or [Series(np.empty((0, len(columns))), np.empty(0) if reading.order else None)]


def number(text: str, decimal: str) -> float:
    """A value as a file writes it; NaN where it says that there is none.

    Raises:
        ValueError: it is no finite number, or none that float32 has.
    """
    if text.strip().lower() in GAPS:
        return math.nan
    value = _float(text, decimal)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no finite number")
    if abs(value) > _LARGEST:
        raise ValueError(f"{text!r} is larger than a network computes with ({_LARGEST:.2g})")
    return value


def _float(text: str, decimal: str) -> float:
    """A number as a file has it; signs that part thousands are none of it."""
    if "_" in text or (decimal != "." and "." in text):
        raise ValueError(f"{text!r} is no number with the decimal mark {decimal!r}")
    return float(text if decimal == "." else text.replace(decimal, "."))


def _time(text: str, decimal: str) -> tuple[float, bool]:
    """A time as a number, and whether it is a date; one without a zone is of UTC."""
    try:
        value = _float(text, decimal)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        # A time without a zone is taken as UTC: the order must not depend on where it is computed.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), True
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no time")
    return value, False


def _regular(series: Series, path: Path, reading: Reading) -> Series:
    """With steps of one length, or as they are where that is asked for."""
    times = series.times
    assert times is not None
    steps = np.diff(times)
    if (steps == 0).any():
        twice = series.place(path, int(np.flatnonzero(steps == 0)[0]) + 1)
        raise RunFailed(f"{twice}: {reading.order!r} has one value in several rows; expected one row for each time.")
    if reading.irregular == "accept" or len(times) < 3:
        return series
    usual = float(np.median(steps))
    off = np.flatnonzero(np.abs(steps - usual) > 1e-6 * abs(usual))
    if not len(off) or (series.dated and _months(times) is not None):
        return series
    if reading.irregular == "resample":
        count = (times[-1] - times[0]) / usual
        if count > _RESAMPLED * len(times):
            furthest = int(np.argmax(steps))
            raise RunFailed(
                f"{series.place(path, furthest + 1)}: {steps[furthest]:g} after the step before it, where most are "
                f"{usual:g} apart: {count:,.0f} steps of that length would be made of {len(times):,}. Is the "
                "time right?"
            )
        grid = times[0] + usual * np.arange(int((times[-1] - times[0]) / usual + 1e-9) + 1)
        values = np.stack([_between(grid, times, column, 1e-6 * usual) for column in series.values.T], axis=1)
        gaps = int(np.isnan(series.values).any(axis=1).sum())
        return replace(series, values=values, times=grid, lines=None, read=len(times), gaps=gaps)
    unit = " seconds" if series.dated else ""
    raise RunFailed(
        f"{series.place(path, int(off[0]) + 1)}: {steps[off[0]]:g}{unit} after the step before it, where most are "
        f"{usual:g} apart ({len(off):,} such steps). data.irregular=resample makes them equal, data.irregular=accept "
        "takes them as they are."
    )


def _between(grid: Floats, times: Floats, values: Floats, slack: float) -> Floats:
    """Values at other times, on lines between those there are; NaN before the first and behind the last of them.

    Of a file to predict, what is behind the last is to be told.
    """
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        return np.full(len(grid), np.nan)
    found: Floats = np.interp(grid, times[there], values[there])
    found[(grid < times[there[0]] - slack) | (grid > times[there[-1]] + slack)] = np.nan
    return found


def _months(times: Floats) -> int | None:
    """How many months lie between one date and the next, where it is the same number everywhere; else None."""
    moments = times.astype("datetime64[s]")
    months = moments.astype("datetime64[M]")
    between = np.unique(np.diff(months.astype(np.int64)))
    same = len(np.unique(moments - months.astype("datetime64[s]"))) == 1
    return int(between[0]) if len(between) == 1 and between[0] > 0 and same else None


def following(series: Series, count: int) -> Floats:
    """The times of the next `count` steps behind a series."""
    times = series.times
    assert times is not None
    months = _months(times) if series.dated and len(times) > 2 else None
    further: Floats
    if months is None:
        further = times[-1] + float(np.median(np.diff(times))) * np.arange(1, count + 1)
        return further
    last = times[-1:].astype("datetime64[s]")
    month = last.astype("datetime64[M]")
    within = last - month.astype("datetime64[s]")
    further = ((month + months * np.arange(1, count + 1)).astype("datetime64[s]") + within).astype(np.float64)
    return further


def written(times: Floats, dated: bool) -> list[Any]:
    """Times as a file has them: numbers, or ISO dates of UTC, with the time of day where one of them has one."""
    if not dated:
        return [float(time) for time in times]
    unit = next((unit for unit, length in (("D", 86_400), ("s", 1)) if not (times % length).any()), "ms")
    return [str(moment) for moment in (times * 1e3).round().astype("datetime64[ms]").astype(f"datetime64[{unit}]")]


def filled(series: Series, path: Path, columns: Sequence[str], missing: Missing, told: int | None) -> Series:
    """A series without gaps, but for rows at the end that are to be told.

    Args:
        series: with gaps.
        path: of its file, for messages.
        columns: their names.
        missing: see `Reading`.
        told: see `read_series`.

    Raises:
        RunFailed: there is a gap, and none is accepted or nothing to fill it with.
    """
    values = series.values
    end = len(values)
    if told is not None:
        there = np.flatnonzero(~np.isnan(values[:, :told]).all(axis=1))
        end = int(there[-1]) + 1 if len(there) else 0
    gaps = np.isnan(values)
    gaps[end:, :told] = False
    if not gaps.any():
        return series
    whole = values.copy()
    for place in np.flatnonzero(gaps.any(axis=0)).tolist():
        inside = end if told is not None and place < told else len(values)
        column, gap = values[:inside, place], gaps[:inside, place]
        first = int(np.flatnonzero(gap)[0])
        where = f"{series.place(path, first)}: {columns[place]!r} has no value"
        if missing == "error":
            raise RunFailed(
                f"{where}. A series needs a number at every step: data.missing=forward or interpolate fills gaps in."
            )
        if gap.all() or (missing == "forward" and gap[0]):
            raise RunFailed(f"{where}, and none before it{'' if missing == 'forward' else ' or behind'}.")
        steps = np.arange(inside)
        if missing == "forward":
            whole[:inside, place] = column[np.maximum.accumulate(np.where(gap, 0, steps))]
        else:
            whole[:inside, place] = np.interp(steps, steps[~gap], column[~gap])
    return replace(series, values=whole, gaps=series.gaps or int(gaps.any(axis=1).sum()))


def changes(found: Sequence[Series]) -> tuple[str, ...]:
    """What some series have that their file has not, in a sentence for each kind: steps made anew, gaps filled in."""
    each = {
        "steps of equal length made of those of the file": [
            (one.name, f"{len(one.values):,} of {one.read:,}") for one in found if one.read is not None
        ],
        "steps with a gap that was filled in": [
            (one.name, f"{one.gaps:,} of {one.read or len(one.values):,}") for one in found if one.gaps
        ],
    }
    return tuple(
        f"{what}: "
        + ", ".join(f"{name}: {counts}" if name else counts for name, counts in changed[:_NAMED])
        + (f" and in {len(changed) - _NAMED:,} more series" if len(changed) > _NAMED else "")
        for what, changed in each.items()
        if changed
    )
