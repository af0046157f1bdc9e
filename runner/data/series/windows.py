"""From series to scaled windows over them."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from runner.data.base import Scaling
from runner.data.parts.scaling import Floats, Scale, fit_table
from runner.data.series.columns import columns_of, read_series
from runner.data.series.option import Forecast
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import RunFailed


class Windows(Transform):
    """Scales series; of a user's file it takes the histories whose future is to be told.

    Args:
        scaling: see `runner.data.base.DataOption`.
        columns: names of the series.
        length: steps of a history.
        stride: steps from one history to the next.
        forecast: ``last``: of a file only what comes behind its end is told; ``every``: from every history in it.
        order: the column of time, or None.
        decimal: the decimal mark.
    """

    def __init__(
        self,
        scaling: Scaling,
        columns: tuple[str, ...],
        length: int,
        stride: int,
        forecast: Forecast,
        order: str | None = None,
        decimal: str = ".",
    ) -> None:
        super().__init__()
        self.scaling, self.columns, self.length, self.stride = scaling, columns, length, stride
        self.forecast, self.order, self.decimal = forecast, order, decimal

    def fit(self, raw: Floats) -> None:
        """Learn from the training part ``(steps, series)``."""
        self.scale = fit_table(raw, self.scaling)

    def __call__(self, raw: Floats) -> Tensor:
        """Series ``(..., steps, series)``, scaled."""
        return torch.from_numpy(self.scale.table(raw))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Histories ``(N, length, series)`` from CSV files with the columns of the training; places name the last step.

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
        names, _ = columns_of(path, "column", self.columns)
        order = self.order if self.order in names else None  # a history may come without its times
        try:
            series = read_series(path, self.columns, order, self.decimal)
        except RunFailed as error:
            yield Bad(source, str(error))
            return
        steps = len(series)
        if steps < self.length:
            yield Bad(source, f"has {steps} steps; a forecast is made from {self.length}.")
            return
        windows = sliding_window_view(series, self.length, axis=0).transpose(0, 2, 1)
        first = 0 if self.forecast == "every" else len(windows) - 1
        starts = np.arange(first, len(windows), self.stride)
        for part in np.split(starts, range(size, len(starts), size)):
            yield Raw(windows[part], [f"{source}:{start + self.length}" for start in part.tolist()])

    def state_dict(self) -> dict[str, Any]:
        """Shift and spread of each series, and their names."""
        return {
            "columns": list(self.columns),
            "shift": self.scale.shift.tolist(),
            "spread": self.scale.spread.tolist(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.columns = tuple(state["columns"])
        self.scale = Scale(np.array(state["shift"]), np.array(state["spread"]))
