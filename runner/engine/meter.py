"""Losses and predictions of a pass over data, kept on the device and read rarely."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.metric import Metric, Scored, Statistic
from runner.engine.ranks.base import Ranks
from runner.engine.spec import Spec
from runner.engine.task import Task
from runner.errors import RunFailed


class NonFinite(RunFailed):
    """A loss was NaN or infinite.

    Attributes:
        step: number of the update, from 1.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"non-finite loss at step {step}")
        self.step = step


@dataclass(slots=True)
class Result:
    """What came out of one micro-batch; nothing here has waited for the device.

    Attributes:
        loss: the mean over its units.
        outputs: what the network gave.
        batch: the examples as they were, with hard targets.
        units: see `Loss.units`.
        decoded: what the network gave without the true tokens beside; where a metric is `decoded`.
    """

    loss: Tensor
    outputs: Tensor
    batch: Batch
    units: int | Tensor
    decoded: Tensor | None = None


class Meter:
    """Adds up losses and statistics.

    `add` only keeps references. `check` reads the losses, which waits for the device once for many steps. `fold`
    turns the outputs kept so far into statistics; as floating-point sums depend on how they are grouped, the loop folds
    at fixed positions, so that a resumed run has the same sums to the last bit. Before the outputs that are kept take
    much memory (a whole vocabulary for every token), they are folded, however many batches that is.

    Args:
        task: turns outputs into predictions.
        metrics: what is computed besides the loss.
        also: makers of statistics that are kept besides those of the metrics; a shared one is kept once.
        ranks: processes of which each adds its share. `check`, `read` and `state_dict` are then called by all of them.

    Attributes:
        first_loss: of the first update of the run; None before it was read.
        highest_loss: of all updates of the run.
    """

    def __init__(
        self,
        task: Task,
        metrics: list[Metric],
        also: Iterable[Callable[[Spec], Statistic]] = (),
        ranks: Ranks | None = None,
    ) -> None:
        self.task, self.metrics, self.ranks = task, metrics, ranks or Ranks()
        self.first_loss: float | None = None
        self.highest_loss = -math.inf  # both never forgotten
        self.decoded = frozenset(metric.statistic for metric in metrics if metric.decoded)
        self.makers = dict.fromkeys([*(metric.statistic for metric in metrics), *also])
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.statistics: dict[Any, Statistic] = {make: make(self.task.spec) for make in self.makers}
        self.needs = frozenset().union(*(statistic.needs for statistic in self.statistics.values()))
        self.loss_sum, self.count = 0.0, 0.0
        self.losses: list[tuple[int, Tensor, int | Tensor]] = []  # step, mean loss, units
        self.waiting: list[tuple[Tensor, Batch, Tensor | None]] = []  # outputs, what they are for, and `decoded`
        self.scored: list[Scored] = []
        self.kept = 0  # numbers in the outputs since the last fold
        self.recent_sum, self.recent_count = 0.0, 0.0

    def add(self, results: list[Result], step: int = 0) -> None:
        """Take the results of the update numbered `step` (from 1), or of an evaluation batch (0)."""
        for result in results:
            spare = result.batch.repeated and not self.ranks.main
            self.losses.append((step, result.loss, 0 if spare else result.units))
            if not self.statistics or spare:
                continue
            # techniques that repeat inputs put the repetitions behind the batch itself
            outputs, examples = result.outputs, result.batch.examples
            outputs = outputs if len(outputs) == examples else outputs[:examples]
            self.waiting.append((outputs, result.batch, result.decoded))
            self.kept += outputs.numel()
            if self.kept > _LARGE:
                self.fold()

    def check(self) -> None:
        """Read the losses kept so far into the sums.

        Raises:
            NonFinite: that of an update is not finite.
        """
        if not self.losses:
            return
        read = torch.stack([loss for _, loss, _ in self.losses]).tolist()
        values, counts = self.ranks.merged_losses(read, _units(self.losses))
        for value, (step, _, _), count in zip(values, self.losses, counts, strict=True):
            if step and not math.isfinite(value):
                raise NonFinite(step)
            if step:
                self.first_loss = value if step == 1 else self.first_loss
                self.highest_loss = max(self.highest_loss, value)
            self.loss_sum += value * count  # one by one: the sum must not depend on when it is read
            self.count += count
            self.recent_sum += value * count
            self.recent_count += count
        self.losses.clear()

    def recent(self) -> float:
        """Mean loss since this was last asked; NaN where there was none."""
        mean = self.recent_sum / self.recent_count if self.recent_count else math.nan
        self.recent_sum, self.recent_count = 0.0, 0.0
        return mean

    def fold(self) -> None:
        """Turn outputs into statistics."""
        self._predict()
        for scored in self.scored:
            for make, statistic in self.statistics.items():
                if scored.answers is not None or make not in self.decoded:
                    statistic.update(scored)
        self.scored.clear()
        self.kept = 0

    def _predict(self) -> None:
        """Turn outputs into predictions, those of one shape together."""
        for outputs, batches, decoded in _alike(self.waiting):
            together = _cat(outputs).float()
            new = Scored(
                self.task.predict(together),
                _cat([batch.targets for batch in batches]),
                self.task.probabilities(together) if "probabilities" in self.needs else None,
                _cat([batch.inputs for batch in batches]) if "inputs" in self.needs else None,
                self.task.predict(_cat(decoded).float()) if decoded else None,
            )
            if self.scored and _shapes(self.scored[-1]) == _shapes(new):
                self.scored[-1] = _each(lambda *parts: torch.cat(parts), self.scored[-1], new)
            else:
                self.scored.append(new)
        self.waiting.clear()

    def read(self) -> dict[str, float]:
        """Mean loss and metrics of everything added since the last `reset`; NaN where there was nothing."""
        self.check()
        self.fold()
        scores = {"loss": self.loss_sum / self.count if self.count else math.nan}
        totals = dict(zip(self.statistics, self.ranks.merged_totals(list(self.statistics.values())), strict=True))
        for metric in self.metrics:
            total = totals[metric.statistic]
            if total is None and metric.decoded:
                continue
            scores[metric.name] = math.nan if total is None else float(metric.compute(total))
        return scores

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers and tensors, in the middle of an epoch too. Call `check` first."""
        self._predict()
        totals = self.ranks.merged_totals(list(self.statistics.values()))
        scored = [[getattr(scored, name) for name in _PARTS] for scored in self.scored]
        return {
            "loss_sum": self.loss_sum,
            "count": self.count,
            "recent_sum": self.recent_sum,
            "recent_count": self.recent_count,
            "kept": self.kept,
            "first_loss": self.first_loss,
            "highest_loss": self.highest_loss,
            "scored": [parts for each in self.ranks.gathered(scored) for parts in each],
            "statistics": totals,
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take back what `state_dict` gave; of several ranks, the first has what was seen."""
        self.reset()
        for name in ("loss_sum", "count", "recent_sum", "recent_count", "kept"):
            setattr(self, name, type(getattr(self, name))(state[name]))
        for name in ("first_loss", "highest_loss"):
            value = state.get(name, getattr(self, name))
            setattr(self, name, None if value is None else float(value))
        if not self.ranks.main:
            return
        self.scored = [_each(lambda part: part.to(device), Scored(*parts)) for parts in state["scored"]]
        for statistic, total in zip(self.statistics.values(), state["statistics"], strict=True):
            statistic.total = None if total is None else total.to(device)


_LARGE = 2**22  # numbers in the outputs that are kept
_PARTS = [f.name for f in fields(Scored)]


def _units(losses: list[tuple[int, Tensor, int | Tensor]]) -> list[float]:
    """The units of each, read from the device at once where a loss keeps them there."""
    kept = [units for _, _, units in losses if isinstance(units, Tensor)]
    values = iter(torch.stack(kept).tolist() if kept else ())
    return [next(values) if isinstance(units, Tensor) else units for _, _, units in losses]


def _cat(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _alike(
    waiting: list[tuple[Tensor, Batch, Tensor | None]],
) -> Iterator[tuple[list[Tensor], list[Batch], list[Tensor]]]:
    """Neighbours whose outputs and targets have one shape, but for the number of examples."""

    def shapes(entry: tuple[Tensor, Batch, Tensor | None]) -> tuple[Any, ...]:
        outputs, batch, decoded = entry
        return outputs.shape[1:], batch.targets.shape[1:], None if decoded is None else decoded.shape[1:]

    for _, group in groupby(waiting, key=shapes):
        outputs, batches, decoded = zip(*group, strict=True)
        yield list(outputs), list(batches), [part for part in decoded if part is not None]


def _each(function: Callable[..., Tensor], *scored: Scored) -> Scored:
    """`function` of each part, of one or of several together, where there is one."""
    rows = ([getattr(one, name) for one in scored] for name in _PARTS)
    return Scored(*(None if row[0] is None else function(*row) for row in rows))  # type: ignore[arg-type]


def _shapes(scored: Scored) -> list[Any]:
    return [None if part is None else part.shape[1:] for part in (getattr(scored, name) for name in _PARTS)]
