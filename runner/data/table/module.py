"""What a fitted table does with raw numbers, as a module that an export can hold."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from runner.data.table import dates
from runner.data.table.in_torch import normal_scores, yeo_johnson
from runner.data.table.measure import Column, Measure

_DAY = 86_400_000_000  # microseconds
_MINUTE = 60_000_000
_ERA = 146_097  # days of 400 years, after which the calendar repeats itself
_BEFORE = 10  # eras that are added, so that no day is negative
_MARCH = 719_468  # days from 0000-03-01 to 1970-01-01
_YEAR_FROM_MARCH = 306  # days from March to the end of the year


class TableModule(nn.Module):
    """From a raw number for each column to what a network takes, in float64 as `TableTransform` computes.

    The raw number of a word is its place in `Column.words`, any other one for a word that training had not; of a date
    it is microseconds since 1970-01-01, UTC. NaN is a gap everywhere.

    Args:
        columns: as they were fitted.
    """

    sizes: Tensor
    gaps: Tensor
    hot_columns: Tensor
    hot_words: Tensor
    embedded: Tensor
    indicated: Tensor
    direct: Tensor
    divisors: Tensor
    looked_up: Tensor
    starts: Tensor
    table: Tensor
    measured: Tensor
    fill: Tensor
    shift: Tensor
    spread: Tensor
    plain: Tensor
    power: Tensor
    powers: Tensor
    ranked: Tensor
    quantiles: Tensor
    changed: Tensor
    order: Tensor

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.words = [place for place, c in enumerate(columns) if c.kind == "words"]
        self.dates = [place for place, c in enumerate(columns) if c.kind == "date"]
        words = [columns[place] for place in self.words]
        self._keep("sizes", [len(c.words) for c in words])
        self._keep("gaps", [c.words.index(c.gap) if c.gap in c.words else len(c.words) for c in words])
        hot = [(i, number) for i, c in enumerate(words) if c.encoding == "onehot" for number in range(len(c.words))]
        self._keep("hot_columns", [i for i, _ in hot])
        self._keep("hot_words", [number for _, number in hot])
        self._keep("embedded", [i for i, c in enumerate(words) if c.encoding == "embedding"])
        self._keep("indicated", [place for place, c in enumerate(columns) if c.indicator])
        self._sources(columns)
        self._scales([measure for c in columns for measure in c.measures])
        self._keep("order", _order(columns))

    def _keep(self, name: str, values: Sequence[int] | Sequence[float], dtype: torch.dtype = torch.int64) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=dtype))

    def _sources(self, columns: Sequence[Column]) -> None:
        """Where the number of each measure comes from: from the row itself, or from a table of words or of turns."""
        direct: list[tuple[int, int, float]] = []  # number of the measure, place in the row, divisor
        looked_up: list[tuple[int, int, int]] = []  # number of the measure, column of `indices`, start in the table
        table: list[float] = []
        turns = list(dates.STEPS)
        for place, column in enumerate(columns):
            for k, measure in enumerate(column.measures):
                number = len(direct) + len(looked_up)
                if column.kind == "number" or measure.part == "days":
                    direct.append((number, place, 1.0 if column.kind == "number" else float(_DAY)))
                    continue
                if column.kind == "words":
                    index, values = self.words.index(place), column.tables[k]
                else:
                    turn = turns.index(measure.part.rpartition("_")[0])
                    index = len(self.words) + turn * len(self.dates) + self.dates.index(place)
                    values = dates.table(measure.part)
                looked_up.append((number, index, len(table)))
                table += values
        self._keep("direct", [place for _, place, _ in direct])
        self._keep("divisors", [divisor for _, _, divisor in direct], torch.float64)
        self._keep("looked_up", [index for _, index, _ in looked_up])
        self._keep("starts", [start for _, _, start in looked_up])
        self._keep("table", table, torch.float64)
        numbers = [entry[0] for entry in (*direct, *looked_up)]
        self._keep("measured", [numbers.index(number) for number in range(len(numbers))])

    def _scales(self, measures: Sequence[Measure]) -> None:
        for name in ("fill", "shift", "spread"):
            self._keep(name, [getattr(m, name) for m in measures], torch.float64)
        plain = [i for i, m in enumerate(measures) if m.power is None and not m.quantiles]
        power = [i for i, m in enumerate(measures) if m.power is not None]
        ranked = [i for i, m in enumerate(measures) if m.power is None and m.quantiles]
        for name, places in (("plain", plain), ("power", power), ("ranked", ranked)):
            self._keep(name, places)
        self._keep("powers", [measures[i].power or 0.0 for i in power], torch.float64)
        self._keep("quantiles", [number for i in ranked for number in measures[i].quantiles], torch.float64)
        numbers = [*plain, *power, *ranked]
        self._keep("changed", [numbers.index(i) for i in range(len(numbers))])

    def forward(self, raw: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """From raw numbers float64 ``(N, C)`` to inputs float32 ``(N, F)``.

        Where words are embedded, their numbers int64 ``(N, K)`` stand beside.
        """
        gaps = raw.isnan()
        codes = self._codes(raw, gaps)
        hot = codes[:, self.hot_columns] == self.hot_words
        parts = [self._measures(raw, codes).float(), hot.float(), gaps[:, self.indicated].float()]
        inputs = torch.cat(parts, dim=1)[:, self.order]
        return (inputs, codes[:, self.embedded]) if len(self.embedded) else inputs

    def _codes(self, raw: Tensor, gaps: Tensor) -> Tensor:
        """The number of each word ``(N, W)``, of one that training had not the number behind them."""
        raw, gaps = raw[:, self.words], gaps[:, self.words]
        known = (raw >= 0) & (raw < self.sizes)
        codes = torch.where(known, raw, self.sizes.double()).long()
        return torch.where(gaps, self.gaps, codes)

    def _measures(self, raw: Tensor, codes: Tensor) -> Tensor:
        """Every number of a row ``(N, M)``, filled and scaled."""
        values = raw[:, self.direct] / self.divisors
        if len(self.looked_up):
            indices = torch.cat((codes, *turns_of(raw[:, self.dates])), dim=1) if self.dates else codes
            values = torch.cat((values, self.table[self.starts + indices[:, self.looked_up]]), dim=1)
        values = values[:, self.measured]
        values = torch.where(values.isnan(), self.fill, values)
        if len(self.power) or len(self.ranked):
            parts = [values[:, self.plain]]
            if len(self.power):
                parts.append(yeo_johnson(values[:, self.power], self.powers))
            if len(self.ranked):
                quantiles = self.quantiles.reshape(len(self.ranked), -1)
                parts.append(normal_scores(values[:, self.ranked], quantiles))
            values = torch.cat(parts, dim=1)[:, self.changed]
        return (values - self.shift) / self.spread


def turns_of(moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Day of the year, day of the week, minute of the day, from 0; without a moment, the number behind the last.

    Args:
        moments: microseconds since 1970-01-01 ``(N, D)`` float64, NaN for none.

    Source: Hinnant 2013, "chrono-Compatible Low-Level Date Algorithms".
    """
    none = moments.isnan()
    microseconds = torch.where(none, 0.0, moments).long() + _BEFORE * _ERA * _DAY
    days = _whole(microseconds, _DAY)
    minute = _whole(microseconds - days * _DAY, _MINUTE)
    weekday = days + 3 - 7 * _whole(days + 3, 7)  # 1970-01-01 was a Thursday; an era has whole weeks
    since = days + _MARCH
    day = since - _ERA * _whole(since, _ERA)  # of the era
    year = _whole(day - _whole(day, 1460) + _whole(day, 36_524) - _whole(day, _ERA - 1), 365)  # from March, of the era
    of_year = day - (365 * year + _whole(year, 4) - _whole(year, 100))  # from March
    four, hundred = year - 4 * _whole(year, 4), year - 100 * _whole(year, 100)
    leap = (four == 0) & ((hundred != 0) | (year == 0))
    ordinal = torch.where(of_year < _YEAR_FROM_MARCH, of_year + 59 + leap.long(), of_year - _YEAR_FROM_MARCH)
    turns = ((ordinal, "day_of_year"), (weekday, "day_of_week"), (minute, "time_of_day"))
    day_of_year, day_of_week, time_of_day = (torch.where(none, dates.STEPS[name], at) for at, name in turns)
    return day_of_year, day_of_week, time_of_day


def _whole(number: Tensor, divisor: int) -> Tensor:
    """How often a divisor is in numbers of at least 0; torch.div would become a division of float32 in ONNX."""
    return number // divisor


def _order(columns: Sequence[Column]) -> list[int]:
    """For each feature its place among all measures, one-hot words and indicators, one behind the other."""
    measures = sum(len(c.measures) for c in columns)
    hot = sum(len(c.words) for c in columns if c.encoding == "onehot")
    at = [0, measures, measures + hot]
    order: list[int] = []
    for column in columns:
        counts = (len(column.measures), len(column.words) if column.encoding == "onehot" else 0, int(column.indicator))
        for kind, count in enumerate(counts):
            order += range(at[kind], at[kind] + count)
            at[kind] += count
    return order
