"""Files with whole series and what is told of each: a row for each step, or a row for each series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.data.base import Scaling
from runner.data.parts.scaling import Floats
from runner.data.series.columns import GAPS, Reading, Series, columns_of, filled, number, read_series, rows_of
from runner.data.series.recordings import Recordings
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Layout:
    """Where series stand in a file.

    Attributes:
        reading: how columns become series; with `Reading.series` a row is a step, without it a whole series.
        channels: see `LabelledSeries`; empty: all columns that nothing else names.
        beside: columns that are no steps or channels, whether a file has them or not.
    """

    reading: Reading
    channels: tuple[str, ...]
    beside: tuple[str, ...]

    def names(self, path: Path) -> tuple[str, ...]:
        """The names of the channels of a file."""
        if self.channels or not self.reading.series:
            return self.channels or ("value",)
        return tuple(self._others(path))

    def read(self, path: Path) -> list[Series]:
        """All series of a file, in the order of their first rows; a file to predict may lack names and times.

        Raises:
            ConfigError: see `columns_of`.
            RunFailed: see `read_series`.
        """
        if not self.reading.series:
            return self._wide(path)
        there, _ = columns_of(path, "column")
        reading = self.reading
        if reading.order not in there:
            reading = replace(reading, order=None)
        if reading.series not in there:
            reading = replace(reading, series=None)
        return read_series(path, self.names(path), reading)

    def _others(self, path: Path) -> list[str]:
        there, _ = columns_of(path, "column")
        taken = {*self.beside, self.reading.series, self.reading.order}
        return [name for name in there if name not in taken]

    def _wide(self, path: Path) -> list[Series]:
        there, delimiter = columns_of(path, "column")
        others, channels = self._others(path), self.names(path)
        columns_of(path, "column", others)  # each once
        each = {name: [c for c in others if c.rpartition("_")[0] == name] for name in self.channels}
        each = each or {"value": others}
        counts = {name: len(columns) for name, columns in each.items()}
        if not min(counts.values()) or len(set(counts.values())) > 1:
            said = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ConfigError(
                f"{path}: expected as many columns of steps for each channel, one or more (such as {channels[0]}_1, "
                f"{channels[0]}_2); there are: {said}. Its columns: {', '.join(there[:20])}."
            )
        places = np.array([[there.index(name) for name in columns] for columns in each.values()]).T
        found = []
        for line, row in rows_of(path, there, delimiter):
            try:
                values = [[number(row[place], self.reading.decimal) for place in step] for step in places.tolist()]
            except ValueError as error:
                raise RunFailed(
                    f"{path}, line {line}: {error}. Expected a number at every step; data.exclude names columns that "
                    "are no steps."
                ) from error
            table = np.array(values)
            valued = np.flatnonzero(~np.isnan(table).all(axis=1))
            table = table[: int(valued[-1]) + 1 if len(valued) else 0]
            one = Series(table, name=str(line), lines=np.full(max(1, len(table)), line))
            found.append(filled(one, path, channels, self.reading.missing, None))
        return found


def told(
    path: Path, targets: tuple[str, ...], group: str | None, reading: Reading
) -> tuple[pl.DataFrame, NDArray[np.int64] | None, NDArray[np.int64]]:
    """What is told of each series of a file that has all of its targets.

    Args:
        path: the file.
        targets: columns, of which a series has one value each.
        group: column of the group it belongs to; None: there are none.
        reading: see `Layout`.

    Returns:
        The targets, a row for each of these series, numbers where all are; their groups, from 0; and their numbers
        among all series, in the order of `Layout.read`.

    Raises:
        RunFailed: a series has two values of a column, or no group.
    """
    import polars as pl

    wanted = (*targets, *((group,) if group else ()))
    names, delimiter = columns_of(path, "column", wanted)
    places = [names.index(name) for name in wanted]
    which = names.index(reading.series) if reading.series else None
    found: dict[str, tuple[str, ...]] = {}
    for line, row in rows_of(path, names, delimiter):
        values = tuple(row[place].strip() for place in places)
        name = str(line) if which is None else row[which].strip()
        before = found.setdefault(name, values)
        for column, value, other in zip(wanted, values, before, strict=True):
            if value != other:
                raise RunFailed(
                    f"{path}, line {line}: {column!r} of the series {name!r} is {value!r}, and above {other!r}. "
                    "Expected one value for a series."
                )
    each = list(found.values())
    rows = np.array(
        [i for i, values in enumerate(each) if not any(v.lower() in GAPS for v in values[: len(targets)])], np.int64
    )
    groups = None
    if group:
        own = [each[row][-1] for row in rows]
        if "" in own:
            name = list(found)[rows[own.index("")]]
            what = f"line {name}" if which is None else f"the series {name!r}"
            raise RunFailed(f"{path}, {what}: there is no value of data.group={group}. Expected one for each series.")
        groups = np.unique(own, return_inverse=True)[1].astype(np.int64)
    columns = {name: _column([each[row][i] for row in rows], reading.decimal) for i, name in enumerate(targets)}
    return pl.DataFrame(columns), groups, rows


def _column(texts: list[str], decimal: str) -> list[float] | list[str]:
    """Numbers where all texts are such."""
    try:
        return [number(text, decimal) for text in texts]
    except ValueError:
        return texts


class LabelledRecordings(Recordings):
    """Recordings out of files with several of them.

    Args:
        scaling: see `Recordings`.
        layout: where they stand.
    """

    def __init__(self, scaling: Scaling, layout: Layout) -> None:
        super().__init__(scaling, (), None)
        self.layout = layout

    def _series(self, path: Path, source: str) -> Iterator[tuple[str, Floats | str]]:
        if path.suffix == ".ts" or not path.is_file():
            yield from super()._series(path, source)
            return
        layout = self.layout if not self.layout.reading.series else replace(self.layout, channels=self.channels)
        try:
            yield from ((f"{source}:{one.name}" if one.name else source, one.values) for one in layout.read(path))
        except RunFailed as error:
            yield source, str(error)
