"""Columns of a CSV file as series: numbers with gaps, by time."""

import csv
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Refused

GAPS = ("", "na", "n/a", "nan", "null", "none", "?")  # in any case


def rows(path: str) -> Iterator[list[str]]:
    """The names of a file's columns, then the values of each row."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            delimiter = max(",;\t", key=file.readline().count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            names = [name.strip() for name in next(reader, [])]
            yield names
            for row in reader:
                if row and len(row) != len(names):
                    raise Refused(f"{path}, line {reader.line_num}: {len(row)} values for {len(names)} columns.")
                if row:
                    yield row
    except UnicodeDecodeError:
        raise Refused(f"{path}: it is not in UTF-8.") from None
    except csv.Error as error:
        raise Refused(f"{path}: {error}.") from None


def number(text: str, decimal: str) -> float:
    """A value as a file writes it; NaN where it says that there is none."""
    if text.strip().lower() in GAPS:
        return math.nan
    if "_" in text or (decimal != "." and "." in text):
        raise ValueError(f"{text!r} is no number")
    value = float(text.replace(decimal, "."))
    if not abs(value) <= np.finfo(np.float32).max:
        raise ValueError(f"{text!r} is no finite number that a network computes with")
    return value


def moment(text: str, decimal: str) -> tuple[float, bool]:
    """A time as a number, seconds since 1970 of UTC where it is a date; and whether it is one."""
    try:
        return number(text, decimal), False
    except ValueError:
        date = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp(), True


def series(path: str, columns: list[str], about: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray, bool]]:
    """The series of a file by name: values ``(steps, columns)``, NaN for gaps; times, and whether these are dates."""
    lines = rows(path)
    names = next(lines)
    for name in columns:
        if names.count(name) != 1:
            raise Refused(f"{path}: there is no column {name!r}, or several. Given: {', '.join(names)}.")
    places = [names.index(name) for name in columns]
    when = names.index(about["order"]) if about["order"] in names else None
    which = names.index(about["series"]) if about["series"] in names else None
    if which is None and about["series"] and about["needs_series"]:
        raise Refused(f"{path}: there is no column {about['series']!r}, which names the series of a row.")
    found: dict[str, list[tuple[float, bool, list[float]]]] = {}
    for row in lines:
        try:
            numbers = [number(row[place], about["decimal"]) for place in places]
            time = (0.0, False) if when is None else moment(row[when], about["decimal"])
        except ValueError as error:
            raise Refused(f"{path}: {error}. Expected numbers, and a number or an ISO date as time.") from None
        found.setdefault("" if which is None else row[which].strip(), []).append((*time, numbers))
    if not found:
        raise Refused(f"{path}: has no rows.")
    made: dict[str, tuple[np.ndarray, np.ndarray, bool]] = {}
    for name, steps in found.items():
        values, times = np.array([step[2] for step in steps]), np.array([step[0] for step in steps])
        if len({step[1] for step in steps}) > 1:
            raise Refused(f"{path}: {about['order']!r} has dates and numbers.")
        if when is not None:
            order = np.argsort(times, kind="stable")
            values, times = values[order], times[order]
            check_times(path, times, steps[0][1], about)
        made[name] = (values, times if when is not None else np.empty(0), steps[0][1])
    return made


def check_times(path: str, times: np.ndarray, dated: bool, about: dict[str, Any]) -> None:
    """See that each time stands there once, and that steps are of one length unless others were accepted."""
    steps = np.diff(times)
    if (steps == 0).any():
        raise Refused(f"{path}: {about['order']!r} has one value in several rows.")
    if about["irregular"] == "error" and len(times) > 2 and not (dated and months(times)):
        usual = np.median(steps)
        if (np.abs(steps - usual) > 1e-6 * abs(usual)).any():
            raise Refused(f"{path}: the steps of {about['order']!r} are of unequal length; most are {usual:g}.")


def months(times: np.ndarray) -> int:
    """How many months lie between one date and the next, where it is the same number everywhere; else 0."""
    moments = times.astype("datetime64[s]")
    month = moments.astype("datetime64[M]")
    between = np.unique(np.diff(month.astype(np.int64)))
    same = len(np.unique(moments - month.astype("datetime64[s]"))) == 1
    return max(0, int(between[0])) if len(between) == 1 and same else 0


def filled(path: str, values: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    """Values ``(steps, columns)`` without gaps."""
    gaps, steps = np.isnan(values), np.arange(len(values))
    if not gaps.any():
        return values
    values = values.copy()
    for column, gap in zip(values.T, gaps.T, strict=True):
        if gap.any() and (about["gaps"] == "error" or gap.all() or (about["gaps"] == "forward" and gap[0])):
            raise Refused(f"{path}: a value is missing, and nothing fills it in.")
        if about["gaps"] == "forward":
            column[:] = column[np.maximum.accumulate(np.where(gap, 0, steps))]
        elif gap.any():
            column[:] = np.interp(steps, steps[~gap], column[~gap])
    return values
