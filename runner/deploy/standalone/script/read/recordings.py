"""Whole series: from CSV files with a row for each step or for each series, and from .ts files."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example, Refused
from runner.deploy.standalone.script.read.columns import filled, number, rows, series


def read(path: str, about: dict[str, Any]) -> Iterator[Example]:
    """The series ``(steps, channels)`` of a file."""
    channels, length = about["columns"], about["length"]
    if path.endswith(".ts"):
        found = archived(path)
    elif about["layout"] == "wide":
        found = wide(path, about)
    else:
        named = series(path, channels, about).items()
        found = ((f"{path}:{name}" if name else path, filled(path, one[0], about)) for name, one in named)
    for place, values in found:
        if not len(values) or values.shape[1] != len(channels) or length not in (None, len(values)):
            raise Refused(
                f"{place}: has {len(values)} steps of {values.shape[1]} channels; expected {length or 'some'} steps of "
                f"{len(channels)}: {', '.join(channels)}."
            )
        yield place, {}, values


def wide(path: str, about: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Series that are rows: the steps of each channel side by side, from the first to the last that has a value."""
    lines = rows(path)
    names = next(lines)
    steps = [name for name in names if name not in about["beside"]]
    each = [[name for name in steps if name.rpartition("_")[0] == channel] for channel in about["named_channels"]]
    places = [[names.index(name) for name in channel] for channel in each or [steps]]
    if len({len(channel) for channel in places}) > 1 or not places[0]:
        raise Refused(f"{path}: expected as many columns of steps for each channel, one or more.")
    for line, row in enumerate(lines, 2):
        try:
            values = np.array([[number(row[place], about["decimal"]) for place in channel] for channel in places]).T
        except ValueError as error:
            raise Refused(f"{path}, line {line}: {error}. Expected a number at every step.") from None
        there = np.flatnonzero(~np.isnan(values).all(axis=1))
        yield f"{path}:{line}", filled(f"{path}:{line}", values[: there[-1] + 1 if len(there) else 0], about)


def archived(path: str) -> Iterator[tuple[str, np.ndarray]]:
    """Series as the archives of UCR and UEA write them: channels with colons between, a class at the end."""
    begun, count = False, 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in map(str.strip, file):
            key = line.lower().partition(" ")[0]
            if not begun or not line or line.startswith("#"):
                begun = begun or key == "@data"
                continue
            count += 1
            channels = line.split(":")[:-1]  # without the class
            try:
                values = np.array([[float(value) for value in channel.split(",")] for channel in channels]).T
                if not np.isfinite(values).all():
                    raise ValueError("a value is no finite number")
            except ValueError as error:
                raise Refused(f"{path}:{count}: {error}. Expected a number at every step.") from None
            yield f"{path}:{count}", values
