"""Metrics: a name, a direction, and a value computed from a statistic that adds up over batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from runner.engine.spec import Spec

Direction = Literal["min", "max"]
Need = Literal["probabilities", "inputs"]


@dataclass(slots=True)
class Scored:
    """Some examples and what was made of them.

    Attributes:
        predictions: in the form of the targets.
        targets: the true ones; always hard (never smoothed or mixed).
        probabilities: such as ``(N, C)``, or quantiles ``(N, ..., levels)``; only where a statistic needs them.
        inputs: what the network was given; only where a statistic needs them.
        answers: what it answers by itself, without the true tokens in front of each; in evaluation, where a metric is
            `decoded`.
    """

    predictions: Tensor
    targets: Tensor
    probabilities: Tensor | None = None
    inputs: Tensor | None = None
    answers: Tensor | None = None


class Statistic:
    """Sums over examples from which metrics are computed; shared by all metrics that name the same one.

    Everything is a sum, so batches, micro-batches, resumed halves of an epoch and distributed processes add up to
    exactly what one pass over all examples gives.

    Attributes:
        needs: what it looks at besides predictions and targets.
        total: the running sum, a tensor on the device of the predictions; None before the first `update`.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    total: Tensor | None

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.total = None

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, as one tensor. Must not wait for the device."""
        raise NotImplementedError

    def update(self, scored: Scored) -> None:
        """Add some examples."""
        batch = self.summarize(scored)
        self.total = batch if self.total is None else self.total + batch

    def merged(self, totals: list[Tensor]) -> Tensor | None:
        """The total of all examples, from those that several have of parts of them; None where there is none."""
        return sum(totals[1:], start=totals[0]) if totals else None


class Metric:
    """One number that says how good predictions are.

    Subclasses set the class attributes and implement `compute`. They live one per file in ``runner/metric``, with an
    option file in ``conf/metric``; settings are arguments of ``__init__``.

    Attributes:
        name: as in ``val/<name>``.
        direction: whether a smaller or a larger value is better.
        tasks: the tasks it can be reported for.
        reported: whether it is, without being asked for.
        comparable: whether its values on different data are on one scale with one best value, as shares in [0, 1] are,
            and errors in the unit of a target are not.
        decoded: whether it looks at the `answers` that the network gives by itself, for which it is called once more in
            evaluation; of training there is no value.
        statistic: makes the `Statistic` that it is computed from; metrics with the same one share it.
    """

    name: ClassVar[str]
    direction: ClassVar[Direction]
    tasks: ClassVar[frozenset[str]]
    reported: ClassVar[bool] = True
    comparable: ClassVar[bool] = False
    decoded: ClassVar[bool] = False
    statistic: Callable[[Spec], Statistic]

    def compute(self, total: Tensor) -> Tensor:
        """The value, a tensor of no dimensions, from the statistic's `total`."""
        raise NotImplementedError
