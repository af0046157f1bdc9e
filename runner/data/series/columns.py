"""Columns of a CSV file as series."""

import csv
import math
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from runner.data.parts.scaling import Floats
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file


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
        with path.open("rb") as file:
            line = file.readline().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: it is not in UTF-8.") from error
    delimiter = max(",;\t", key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    for name in wanted:
        if names.count(name) != 1:
            there = "several columns of that name" if name in names else "no such column"
            raise ConfigError(
                f"{key}={name}: {there} in {path}.{did_you_mean(name, names)} Its columns: {', '.join(names)}."
            )
    return names, delimiter


def read_series(path: Path, columns: Sequence[str], order: str | None, decimal: str) -> Floats:
    """Some columns as series ``(steps, columns)``; by time where `order` names a column of it, numbers or ISO dates.

    Raises:
        ConfigError: see `columns_of`.
        RunFailed: a value is missing or no number, or two steps have one time.
    """
    wanted = [*columns, *([order] if order else [])]
    names, delimiter = columns_of(path, "column", wanted)
    places = [names.index(name) for name in wanted]
    rows: list[list[float]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        next(reader)
        try:
            for row in reader:
                if row:
                    rows.append([_value(row[place], names[place] == order, decimal) for place in places])
        except (ValueError, IndexError) as error:
            raise RunFailed(
                f"{path}, line {reader.line_num}: {error}. A series needs a number at every step: fill gaps in first."
            ) from error
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(wanted))
    if order is None:
        return values
    if len(np.unique(values[:, -1])) < len(values):
        raise RunFailed(f"{path}: {order!r} has one value in several rows; expected one row for each time.")
    return values[np.argsort(values[:, -1], kind="stable"), :-1]


def _value(text: str, time: bool, decimal: str) -> float:
    try:
        value = float(text if decimal == "." else text.replace(decimal, "."))
    except ValueError:
        if not time:
            raise
        moment = datetime.fromisoformat(text.strip())
        # A time without a zone is taken as UTC: the order must not depend on where it is computed.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no finite number")
    return value
