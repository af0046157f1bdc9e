"""What is known of any time in advance: where it lies in the year, the week and the day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from runner.data.parts.scaling import Floats

Turn = Literal["day_of_year", "day_of_week", "time_of_day"]


def calendar_names(turns: Sequence[Turn]) -> tuple[str, ...]:
    """The names of the columns that `calendar` makes."""
    return tuple(f"{turn}_{function}" for turn in turns for function in ("sin", "cos"))


def calendar(times: Floats, turns: Sequence[Turn]) -> Floats:
    """Sine and cosine of where times lie in some turns ``(steps, 2 turns)``; see `runner.data.table.dates.part`.

    Args:
        times: seconds since 1970, UTC ``(steps,)``.
        turns: the year, the week from Monday, the day.
    """
    import polars as pl

    from runner.data.table.dates import part

    moments = pl.Series((times * 1e6).round().astype(np.int64)).cast(pl.Datetime("us"))
    columns = [part(moments, name) for name in calendar_names(turns)]
    return np.stack(columns, axis=1) if columns else np.empty((len(times), 0))
