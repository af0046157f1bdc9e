"""Demand for electricity, half-hour by half-hour."""

import lzma
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from runner.data.series.calendar import Turn, calendar_names
from runner.data.series.columns import Reading, Series
from runner.data.series.option import SeriesOption
from runner.data.source.located import in_root, located
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.fetch.published import Published
from runner.fetch.sets.elecdemand import ELECDEMAND

if TYPE_CHECKING:
    from runner.data.series.windows import Windows

TOLD, BESIDE, KNOWN = ("demand",), ("temperature",), ("working_day",)
_START, _STEP = "2014-01-01T00:00", 1800  # seconds


@dataclass(kw_only=True)
class Elecdemand(SeriesOption):
    """Victoria's demand in GW and Melbourne's temperature in degrees Celsius, all 17,520 half-hours of 2014.

    The demand is told, by default of the next day from a week. Whether a day is a working day is known in advance, and
    so are the day of the week and the time. A file to predict has columns ``time`` (ISO dates), ``demand``,
    ``temperature`` and ``working_day``; the rows of the steps that are to be told are empty but for the first
    and the last of these.

    Source: Hyndman and Athanasopoulos 2018, "Forecasting: Principles and Practice", 2nd edition: ``elecdemand`` of the
    package fpp2.

    Attributes:
        known: whether the network is told what is known in advance.
        temperature: whether it sees the temperature so far. With ``strategy=recursive`` it can't: nothing would tell
            how the temperature goes on.
        root: folder with ``elecdemand.pkl.compress``. None: the cache (``$RUNNER_DATA``, by default
            ``~/.cache/runner``), else it is fetched.
    """

    length: Annotated[int, Ge(2)] = 336
    horizon: Annotated[int, Ge(1)] = 48
    seasons: tuple[Annotated[int, Ge(2)], ...] = (48, 336)
    known: bool = True
    temperature: bool = True
    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (ELECDEMAND,)

    @property
    def _observed(self) -> tuple[str, ...]:
        return (*TOLD, *(BESIDE if self.temperature else ()))

    @property
    def _turns(self) -> tuple[Turn, ...]:
        # Not where it lies in the year: of a single one the test part has days that training has not met.
        return ("day_of_week", "time_of_day") if self.known else ()

    def probe(self) -> Spec:
        """Known beforehand."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        if self.temperature and self.strategy == "recursive":
            raise ConfigError(
                "data.strategy=recursive: a forecast is fed back in place of what comes, and nothing would tell how "
                "the temperature goes on. Give data.temperature=false as well."
            )
        return self.facts(self._observed, (*(KNOWN if self.known else ()), *calendar_names(self._turns)), TOLD)

    def transform(self) -> "Windows":
        """See `DataOption.transform`."""
        from runner.data.series.windows import Windows

        plan = KNOWN if self.known else ()
        return Windows(
            self.scaling,
            self._observed,
            self.length,
            self.stride,
            self.horizon,
            self.forecast,
            Reading("time"),
            plan,
            self._turns,
            self.strategy,
        )

    def load(self) -> Data:
        """Find or fetch the file, verify and read it; see `DataOption.load`."""
        import numpy as np

        from runner.data.series.calendar import calendar
        from runner.data.source.pickled import frame

        (published,) = self.published
        files, notes = located(published, self.root)
        published.check(files)
        ((name, path),) = files.items()
        found = frame(lzma.decompress(path.read_bytes()), name)
        named = {"demand": "Demand", "temperature": "Temperature", "working_day": "WorkDay"}
        transform = self.transform()
        wanted = (*transform.observed, *transform.plan)
        values = np.stack([found[named[column]].astype(np.float64) for column in wanted], axis=1)
        times = np.datetime64(_START, "s").astype(np.int64) + _STEP * np.arange(len(values), dtype=np.float64)
        values = np.concatenate([values, calendar(times, self._turns)], axis=1)
        series = [Series(values, times, dated=True)]
        return self.windows(series, transform, TOLD, published.files[name].sha256, notes)
