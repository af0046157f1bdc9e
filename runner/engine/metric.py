"""Metrics: a name, a direction, and a value computed from a statistic that adds up over batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from runner.engine.spec import DataSpec, Task

if TYPE_CHECKING:
    from torch import Tensor

Direction = Literal["min", "max"]


class Statistic:
    """Sums over examples from which metrics are computed; shared by all metrics that name the same class.

    Everything is a sum, so batches, micro-batches, resumed halves of an epoch and distributed processes add up to
    exactly what one pass over all examples gives.

    Attributes:
        total: the running sum, a tensor on the device of the predictions; None before the first `update`.
    """

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self.total: Tensor | None = None

    def summarize(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """The sums of one batch, as one tensor. Must not wait for the device.

        Args:
            predictions: class indices ``(N,)`` int64, or values ``(N, targets)`` for regression.
            targets: the true ones, in the same form; always hard (never smoothed or mixed).
        """
        raise NotImplementedError

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Add a batch."""
        batch = self.summarize(predictions, targets)
        self.total = batch if self.total is None else self.total + batch


class Metric:
    """One number that says how good predictions are.

    Subclasses set the class attributes and implement `compute`. They live one per file in ``runner/metric`` and are
    found there by themselves.

    Attributes:
        name: as in ``val/<name>``.
        direction: whether a smaller or a larger value is better.
        tasks: the tasks it is reported for.
        statistic: the `Statistic` class it is computed from.
    """

    name: ClassVar[str]
    direction: ClassVar[Direction]
    tasks: ClassVar[frozenset[Task]]
    statistic: ClassVar[type[Statistic]]

    def compute(self, total: Tensor) -> Tensor:
        """The value, a tensor of no dimensions, from the statistic's `total`."""
        raise NotImplementedError
