"""Numbers made of a moment: a trend, and where it lies in the year, the week and the day."""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALWAYS = ("days", "day_of_year_sin", "day_of_year_cos", "day_of_week_sin", "day_of_week_cos")
WITH_TIMES = (*ALWAYS, "time_of_day_sin", "time_of_day_cos")
STEPS = {"day_of_year": 366, "day_of_week": 7, "time_of_day": 24 * 60}  # of each turn


def table(name: str) -> list[float]:
    """Sine or cosine of every step of a turn, and NaN behind them for where there is no moment."""
    turn, _, function = name.rpartition("_")
    steps, angle = STEPS[turn], math.sin if function == "sin" else math.cos
    return [angle(2 * math.pi * step / steps) for step in range(steps)] + [math.nan]


def parts(moments: pl.Series) -> tuple[str, ...]:
    """The names of the numbers to make; the time of day only where some moment has one."""
    return WITH_TIMES if (moments.dt.truncate("1d") != moments).any() else ALWAYS


def part(moments: pl.Series, name: str) -> Floats:
    """One of the numbers ``(N,)``, NaN where there is no moment.

    ``days`` are those since 1970-01-01, with their fraction. The others are sine and cosine of a turn that takes a year
    of 366 days, a week from Monday, or a day in minutes, so that its end lies beside its beginning.
    """
    if name == "days":
        microseconds: Floats = moments.dt.epoch("us").cast(pl.Float64).to_numpy()
        days: Floats = microseconds / 86_400e6
        return days
    turn = name.rpartition("_")[0]
    if turn == "day_of_year":
        position = moments.dt.ordinal_day() - 1
    elif turn == "day_of_week":
        position = moments.dt.weekday() - 1
    else:
        position = moments.dt.hour().cast(pl.Int64) * 60 + moments.dt.minute()
    # From a table: numpy's own sine may differ in its last bit with the number of values it is given.
    found: Floats = np.array(table(name))[position.cast(pl.Int64).fill_null(STEPS[turn]).to_numpy()]
    return found
