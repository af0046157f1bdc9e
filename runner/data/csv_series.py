"""Series of one's own in a CSV file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.data.series.columns import columns_of, read_series
from runner.data.series.option import SeriesOption
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.data.series.windows import Windows


@dataclass(kw_only=True)
class CsvSeries(SeriesOption):
    """Columns of a CSV file, a row for each step. The first line names them; comma, semicolon or tab separates.

    Attributes:
        path: the file, in UTF-8.
        columns: the series that the network sees, each with a number in every row.
        targets: those of them that are to be told; empty: all.
        order: the column of time, numbers or ISO dates, by which rows are sorted; None: they stand in order.
        decimal: the decimal mark.
    """

    path: str
    columns: tuple[str, ...]
    targets: tuple[str, ...] = ()
    order: str | None = None
    decimal: Literal[".", ","] = "."

    def probe(self) -> Spec:
        """Reads the first line only."""
        if not self.columns:
            raise ConfigError("data.columns=[]: expected the names of one column or more.")
        for name in self.targets:
            if name not in self.columns:
                raise ConfigError(f"data.targets={name}: is not among data.columns={list(self.columns)}.")
        if self.order in self.columns:
            raise ConfigError(f"data.order={self.order}: is among data.columns; a network that sees time learns dates.")
        path = Path(os.path.expanduser(self.path))
        columns_of(path, "data.columns", self.columns)
        if self.order:
            columns_of(path, "data.order", [self.order])
        targets = self.targets or self.columns
        return Spec(
            "forecasting",
            Field("series", (self.length, len(self.columns)), names=self.columns),
            Field("values", (self.horizon, len(targets)), names=targets),
        )

    def transform(self) -> "Windows":
        """See `DataOption.transform`."""
        from runner.data.series.windows import Windows

        return Windows(self.scaling, self.columns, self.length, self.stride, self.forecast, self.order, self.decimal)

    def load(self) -> Data:
        """Read, sort and scale; see `DataOption.load`."""
        self.probe()
        path = Path(os.path.expanduser(self.path))
        series = read_series(path, self.columns, self.order, self.decimal)
        return self.windows(series, self.transform(), self.targets or self.columns, sha256(path.read_bytes()))
