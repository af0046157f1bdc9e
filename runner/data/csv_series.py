"""Series of one's own in a CSV file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.data.series.calendar import Turn, calendar_names
from runner.data.series.columns import Irregular, Missing, Reading, changes, columns_of
from runner.data.series.option import SeriesOption
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.data.series.windows import Windows


@dataclass(kw_only=True)
class CsvSeries(SeriesOption):
    """Columns of a CSV file, a row for each step. The first line names them; comma, semicolon or tab separates.

    A file may be wide, each column a series of its own, or long, with `series` for the column that says which of
    several series a row belongs to; these may be of unequal length, and no window reaches from one to another.

    Attributes:
        path: the file, in UTF-8.
        columns: the series that the network sees up to the present.
        targets: those of them that are to be told; empty: all.
        order: the column of time, numbers or ISO dates, by which rows are sorted; None: they stand in order.
        decimal: the decimal mark.
        series: the column that names the series of a row; None: all rows are of one.
        known: columns known in advance, such as a price list: a network sees them `horizon` steps before their time.
        calendar: what is made of dates in `order`, known in advance too: sine and cosine of where they lie in the year,
            the week and the day, of UTC where they tell a zone.
        missing: a value that is not there is an ``error``, told with its line, the last one before it (``forward``), or
            lies on a line between its neighbours (``interpolate``, which looks at a value that comes later).
        irregular: steps of unequal length are an ``error``, told with the line, taken as they are (``accept``), or give
            way to steps of the median length (``resample``), values between on lines. Months are of equal length.
    """

    path: str
    columns: tuple[str, ...]
    targets: tuple[str, ...] = ()
    order: str | None = None
    decimal: Literal[".", ","] = "."
    series: str | None = None
    known: tuple[str, ...] = ()
    calendar: tuple[Turn, ...] = ()
    missing: Missing = "error"
    irregular: Irregular = "error"

    def probe(self) -> Spec:
        """Reads the first line only."""
        if not self.columns:
            raise ConfigError("data.columns=[]: expected the names of one column or more.")
        for key, names in (("columns", self.columns), ("targets", self.targets), ("known", self.known)):
            for name in names:
                if names.count(name) > 1:
                    raise ConfigError(f"data.{key}: names {name} twice; expected each column once.")
        for name in self.targets:
            if name not in self.columns:
                raise ConfigError(f"data.targets={name}: is not among data.columns={list(self.columns)}.")
        if self.order in self.columns:
            raise ConfigError(f"data.order={self.order}: is among data.columns; a network that sees time learns dates.")
        for name in self.known:
            if name in self.columns:
                raise ConfigError(f"data.known={name}: is among data.columns, which are known up to the present only.")
        if self.calendar and not self.order:
            raise ConfigError(f"data.calendar={list(self.calendar)}: needs data.order, the column of dates.")
        path = Path(os.path.expanduser(self.path))
        columns_of(path, "data.columns", self.columns)
        columns_of(path, "data.known", self.known)
        for key, column in (("order", self.order), ("series", self.series)):
            if column:
                columns_of(path, f"data.{key}", [column])
        return self.facts(self.columns, (*self.known, *calendar_names(self.calendar)), self.targets or self.columns)

    def transform(self) -> "Windows":
        """See `DataOption.transform`."""
        from runner.data.series.windows import Windows

        reading = Reading(self.order, self.decimal, self.series, self.missing, self.irregular)
        return Windows(
            self.scaling,
            self.columns,
            self.length,
            self.stride,
            self.horizon,
            self.forecast,
            reading,
            self.known,
            self.calendar,
            self.strategy,
        )

    def load(self) -> Data:
        """Read, sort and scale; see `DataOption.load`."""
        self.probe()
        path, transform = Path(os.path.expanduser(self.path)), self.transform()
        series = transform.series(path)
        notes = (f"{len(series)} series, {sum(len(one.values) for one in series):,} steps",) if self.series else ()
        return self.windows(
            series, transform, self.targets or self.columns, sha256(path.read_bytes()), (*notes, *changes(series))
        )
