"""From series to scaled windows over them."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn

from runner.data.base import Scaling
from runner.data.parts.scaled import ScaledTable
from runner.data.parts.scaling import Floats, Scale, fit_table
from runner.data.series.calendar import Turn, calendar, calendar_names
from runner.data.series.columns import Reading, Series, columns_of, following, read_series, written
from runner.data.series.option import Forecast, Strategy
from runner.engine.batch import Batch
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import RunFailed


def ahead(values: Floats, known: int, steps: int) -> Floats:
    """Series ``(steps, columns)`` whose last `known` columns are told `steps` steps before their time.

    So the last `steps` steps of a history carry what is known of the steps that are to be told, and any network that
    reads a history reads it. At the end, where nothing comes any more, the last row is repeated.
    """
    if not known:
        return values
    moved = values.copy()
    later = np.minimum(np.arange(len(values)) + steps, len(values) - 1)
    moved[:, -known:] = values[later, -known:]
    return moved


class Windows(Transform):
    """Scales series; of a user's file it takes the histories whose future is to be told.

    Args:
        scaling: see `runner.data.base.DataOption`.
        observed: names of the columns that are known up to the present.
        length: steps of a history.
        stride: steps from one history to the next.
        horizon: steps to be told.
        forecast: ``last``: of a file only what comes behind its end is told; ``every``: from every history in it.
        reading: how a file becomes series.
        plan: names of the columns that are known in advance.
        turns: what is made of times, which are known in advance too.
        strategy: ``direct``: a raw example is a history ``(length, series)``; ``recursive``: `horizon` - 1 further
            steps stand behind it, of which only what is known in advance is looked at.
    """

    def __init__(
        self,
        scaling: Scaling,
        observed: tuple[str, ...],
        length: int,
        stride: int,
        horizon: int,
        forecast: Forecast,
        reading: Reading | None = None,
        plan: tuple[str, ...] = (),
        turns: tuple[Turn, ...] = (),
        strategy: Strategy = "direct",
    ) -> None:
        super().__init__()
        self.scaling, self.observed, self.length, self.stride = scaling, observed, length, stride
        self.horizon, self.forecast, self.reading = horizon, forecast, reading or Reading()
        self.plan, self.turns = plan, turns
        self.further = horizon - 1 if strategy == "recursive" else 0  # steps of an example behind its history
        self.ahead = 1 if strategy == "recursive" else horizon
        self.strategy = strategy

    @property
    def known(self) -> tuple[str, ...]:
        """The columns known in advance, those made of times last."""
        return (*self.plan, *calendar_names(self.turns))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a network is given."""
        return (*self.observed, *self.known)

    def series(self, path: Path, predicting: bool = False) -> list[Series]:
        """The series of a file, with what is made of their times.

        Args:
            path: the file.
            predicting: whether its last steps are to be told, of which it has only what is known in advance. Such a
                history may come without its times.
        """
        told, reading, columns = None, self.reading, (*self.observed, *self.plan)
        if predicting:
            told = len(self.observed)
            if reading.order not in columns_of(path, "column", columns)[0] and not self.turns:
                reading = replace(reading, order=None)
        found = read_series(path, columns, reading, told)
        return [self._with_calendar(one) for one in found]

    def _with_calendar(self, one: Series) -> Series:
        if not self.turns:
            return one
        if one.times is None or not (one.dated or not len(one.values)):
            raise RunFailed(f"data.calendar={list(self.turns)}: data.order={self.reading.order} has numbers, no dates.")
        return replace(one, values=np.concatenate([one.values, calendar(one.times, self.turns)], axis=1))

    def fit(self, raw: Floats) -> None:
        """Learn from the training part ``(steps, series)``."""
        self.scale = fit_table(raw, self.scaling)

    def __call__(self, raw: Floats) -> Tensor:
        """Series ``(..., steps, series)``, scaled."""
        return torch.from_numpy(self.scale.table(raw))

    def module(self) -> nn.Module:
        """From series ``(N, steps, columns)`` float64, of one length, to inputs."""
        return ScaledTable(self.scale)

    def batch(self, raw: Floats) -> Batch:
        """See `Transform.batch`; of forecasts that are fed back, with what is known of the `future`."""
        batch = super().batch(raw)
        if self.strategy == "direct":
            return batch
        history, future = batch.inputs[:, : self.length], batch.inputs[:, self.length :, len(self.observed) :]
        return Batch(history, batch.targets, {"future": future}, batch.examples)

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Histories ``(N, length, series)`` from CSV files with the columns of the training; places name the last step.

        Where the data have times, those of the steps to be told stand beside as ``time_1``, ``time_2``, ...: None where
        a file has none.

        Raises:
            ConfigError: a file is not there, or lacks a column.
        """
        for source in sources:
            if source != "-":
                yield from self._histories(Path(os.path.expanduser(source)), source, size)
                continue
            with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
                copy.write(sys.stdin.buffer.read())
                copy.flush()
                yield from self._histories(Path(copy.name), source, size)

    def _histories(self, path: Path, source: str, size: int) -> Iterator[Raw | Bad]:
        try:
            found = self.series(path, predicting=True)
        except RunFailed as error:
            yield Bad(source, str(error))
            return
        for one in found:
            yield from self._of_one(one, f"{source}:{one.name}" if one.name else source, size)

    def _of_one(self, one: Series, place: str, size: int) -> Iterator[Raw | Bad]:
        there = np.flatnonzero(~np.isnan(one.values[:, : len(self.observed)]).any(axis=1))
        steps = int(there[-1]) + 1 if len(there) else 0
        if steps < self.length:
            yield Bad(place, f"has {steps} steps; a forecast is made from {self.length}.")
            return
        values = one.values
        if self.turns and not self.plan and len(values) < steps + self.horizon:
            further = calendar(following(one, self.horizon), self.turns)
            values = np.concatenate([values, np.full((self.horizon, values.shape[1]), np.nan)])
            values[len(one.values) :, -further.shape[1] :] = further
        ends = np.arange(self.length, steps + 1, self.stride) if self.forecast == "every" else np.array([steps])
        if self.known:
            ends = ends[ends + self.horizon <= len(values)]
        if not len(ends):
            yield Bad(
                place,
                f"what is known in advance ({', '.join(self.plan or self.known)}) of the next {self.horizon} steps "
                "must stand behind the last one, in rows whose other columns are empty.",
            )
            return
        values = np.pad(ahead(values, len(self.known), self.ahead), ((0, self.further), (0, 0)), "edge")
        windows = sliding_window_view(values, self.length + self.further, axis=0)
        for part in np.split(ends, range(size, len(ends), size)):
            places = [f"{place}:{end}" for end in part.tolist()]
            yield Raw(windows.transpose(0, 2, 1)[part - self.length], places, self._times(one, part))

    def _times(self, one: Series, ends: NDArray[np.int64]) -> list[dict[str, Any]]:
        """When each of the steps to be told is, behind each of some histories that end before the steps `ends`."""
        if self.reading.order is None:
            return []
        names = [f"time_{step}" for step in range(1, self.horizon + 1)]
        if one.times is None:
            return [dict.fromkeys(names) for _ in ends]
        times = written(np.concatenate([one.times, following(one, self.horizon)]), one.dated)
        return [dict(zip(names, times[end : end + self.horizon], strict=True)) for end in ends.tolist()]

    def state_dict(self) -> dict[str, Any]:
        """Shift and spread of each column, and the names of those from a file."""
        return {
            "columns": list(self.observed),
            "plan": list(self.plan),
            "shift": self.scale.shift.tolist(),
            "spread": self.scale.spread.tolist(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.observed, self.plan = tuple(state["columns"]), tuple(state.get("plan", ()))
        self.scale = Scale(np.array(state["shift"]), np.array(state["spread"]))
