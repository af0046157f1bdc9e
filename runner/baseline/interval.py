"""How far apart two models may be on other examples of the same kind."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.split import WindowSplit

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from runner.engine.loss import Loss
    from runner.engine.metric import Metric
    from runner.engine.split import Split
    from runner.engine.task import Task

CONFIDENCE = 0.95
RESAMPLES = 999
FEWEST_BLOCKS = 6  # of fewer, all may favour one model by chance in more than 1 of 20 cases: 2 / 2^5


@dataclass(frozen=True)
class Difference:
    """The score of a run less that of another model.

    Attributes:
        estimate: on all examples.
        low: lower end of the interval.
        high: upper end.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Judge:
    """Scores models on some of the examples of a part.

    Attributes:
        task: turns outputs into predictions.
        loss: of the run.
        metric: what is scored; None: the loss.
        targets: of all examples ``(N, ...)``.
        blocks: rows that are drawn together; None: each by itself.
    """

    task: Task
    loss: Loss
    metric: Metric | None
    targets: Tensor
    blocks: Sequence[NDArray[np.int64]] | None = None

    def score(self, outputs: Tensor, rows: Tensor) -> float:
        """Of a model's outputs ``(N, ...)`` those of the examples `rows`."""
        batch = Batch(self.targets.new_empty(len(rows), 0), self.targets[rows])
        outputs = outputs[rows]
        value = torch.zeros(()) if self.metric else self.loss.evaluate(outputs, batch)
        meter = Meter(self.task, [self.metric] if self.metric else [])
        meter.add([Result(value, outputs, batch, self.loss.units(batch))])
        return meter.read()[self.metric.name if self.metric else "loss"]

    def difference(self, run: Tensor, others: Sequence[Tensor]) -> Difference | None:
        """How a run's outputs differ from those of another model, both on the same examples.

        The interval is the percentile bootstrap's over examples, or over blocks of them: it says what other examples
        would have shown of these two models, and nothing of how they would be had they been trained anew.

        Args:
            run: outputs ``(N, ...)``.
            others: of each fit of the other model, whose scores are taken in the mean.

        Returns:
            None where there are too few examples or blocks for it.

        Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13; scipy's bootstrap.
        """

        def apart(drawn: NDArray[np.int64]) -> float:
            if self.blocks is not None:
                drawn = np.concatenate([self.blocks[block] for block in drawn])
            rows = torch.from_numpy(drawn.astype(np.int64))
            return self.score(run, rows) - statistics.fmean(self.score(other, rows) for other in others)

        if self.blocks is not None:
            return _drawn(apart, len(self.blocks)) if len(self.blocks) >= FEWEST_BLOCKS else None
        return _drawn(apart, len(self.targets))


def blocks_of(part: Split) -> list[NDArray[np.int64]] | None:
    """The windows of a part in blocks that share steps with their neighbours only; None where none share any.

    Windows that overlap are right or wrong together, and drawn one by one they would pass for more than they are. Each
    block has consecutive windows of one series, as many as begin within a history and its horizon, or more; where a
    series has fewer, all of them.

    Source: Carlstein 1986, "The use of subseries values for estimating the variance of a general statistic from a
        stationary sequence"; Lahiri 2003, "Resampling Methods for Dependent Data", section 2.5.
    """
    if not isinstance(part, WindowSplit):
        return None
    size = math.ceil((part.length + part.horizon) / part.stride)
    if size == 1:
        return None
    rows = np.arange(len(part))
    starts = rows * part.stride if part.starts is None else part.starts.numpy()
    series = np.split(rows, np.flatnonzero(np.diff(starts) != part.stride) + 1)
    return [block for own in series for block in np.array_split(own, max(1, len(own) // size))]


def difference_of_ratios(run: Tensor, other: Tensor) -> Difference | None:
    """How far two scores are apart that are a sum over a sum; see `Judge.difference`.

    Args:
        run: what is summed of each example, and what that is of ``(N, 2)``.
        other: the same of the other model.
    """
    sums = torch.cat((run, other), 1).numpy()

    def apart(drawn: NDArray[np.int64]) -> float:
        value, of, other_value, of_other = sums[drawn].sum(0)
        return float(value / of - other_value / of_other)

    return _drawn(apart, len(sums))


def _drawn(apart: Callable[[NDArray[np.int64]], float], examples: int) -> Difference | None:
    """The difference that `apart` tells of all examples, and its interval from draws of them."""
    from scipy.stats import bootstrap

    every = np.arange(examples)
    if examples < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a score that some draws do not define: the ends say so
        low, high = bootstrap(
            (every,),
            apart,
            vectorized=False,
            n_resamples=RESAMPLES,
            batch=10,  # indices that are in memory at once
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
    return Difference(apart(every), float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None
