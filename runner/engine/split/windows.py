"""Windows over one long stream: text for a language model, a series whose future is told from its past."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.engine.split.base import Split

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WindowSplit(Split):
    """Example i is the stream from ``i * stride`` on: `length` steps, and the `horizon` steps behind them to be told.

    Attributes:
        stream: ``(steps,)`` tokens or ``(steps, features)`` values; shared by all windows and moved to the device once.
        length: steps of the inputs.
        stride: steps from one window to the next.
        horizon: steps to be told, right behind the inputs; 0 tells the inputs moved by one step, as a language model
            does: then every step is a unit.
        columns: which features are to be told; None all.
        starts: where each example begins ``(N,)``, on the CPU, where the stream is several series one behind the other;
            None: `stride` says it.
        known: of series that are told step by step, each answer fed back: how many of the last features are known in
            advance. Batches then carry those of the steps behind the inputs ``(N, horizon - 1, known)`` as `future`,
            moved by one step as the inputs have them, by which a network knows how far to go. None: all steps are told
            at once.
        first: names of the series in the stream, where they are several, and the step with which each begins.
        learning: of such series, whether the next step alone is to be told, and no `future` is there.
    """

    stream: Tensor
    length: int
    stride: int = 1
    horizon: int = 0
    columns: tuple[int, ...] | None = None
    starts: Tensor | None = None
    known: int | None = None
    first: tuple[tuple[str, int], ...] = ()
    learning: bool = False

    def __len__(self) -> int:
        if self.starts is not None:
            return len(self.starts)
        return max(0, (len(self.stream) - self.length - max(1, self.horizon)) // self.stride + 1)

    def series(self) -> tuple[tuple[str, ...], Tensor] | None:
        """See `Split.series`."""
        if not self.first or self.starts is None:
            return None
        begins = torch.tensor([step for _, step in self.first])
        return tuple(name for name, _ in self.first), torch.searchsorted(begins, self.starts, right=True) - 1

    def place(self, row: int) -> str:
        """See `Split.place`: the series."""
        series = self.series()
        return series[0][int(series[1][row])] if series else ""

    def for_learning(self) -> WindowSplit:
        """See `Split.for_learning`."""
        return self if self.known is None else replace(self, learning=True)

    def opened(self, device: torch.device, seed: int, num_workers: int) -> WindowSplit:
        """With the stream on the device."""
        return replace(self, stream=self.stream.to(device))

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        device = self.stream.device
        first = rows * self.stride if self.starts is None else self.starts[rows]
        starts = first.to(device, non_blocking=True)[:, None]
        steps = torch.arange(self.length + (1 if self.learning else max(1, self.horizon)), device=device)
        windows = self.stream[starts + steps]
        if not self.horizon:
            return Batch(windows[:, :-1], windows[:, 1:], {}, len(rows), len(rows) * self.length)
        future = windows[:, self.length :]
        targets = future if self.columns is None else future[..., list(self.columns)]
        if self.known is None or self.learning:
            return Batch(windows[:, : self.length], targets)
        return Batch(windows[:, : self.length], targets, {"future": future[:, :-1, future.shape[2] - self.known :]})
