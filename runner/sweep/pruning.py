"""Which trials are not worth finishing. Pure rules over the curves seen so far; lower is better in every curve."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from annotated_types import Ge

from runner.errors import ConfigError, counted


@dataclass
class Curve:
    """A trial's scores by epoch, turned so that lower is better.

    Attributes:
        scores: epoch (from 1) to score.
        completed: whether the trial ran to its end.
        judged: the last epoch that a pruner looked at.
        paused_at: the rung at which it waits to be promoted; None when it does not.
    """

    scores: dict[int, float] = field(default_factory=dict)
    completed: bool = False
    judged: int = 0
    paused_at: int | None = None

    def best(self, epoch: int) -> float:
        """The best score up to `epoch`; NaN counts for nothing."""
        return min((v for e, v in self.scores.items() if e <= epoch and not math.isnan(v)), default=math.inf)


Curves = Mapping[int, Curve]


class Pruner:
    """Judges a trial after each of its epochs.

    Attributes:
        pauses: whether a verdict only pauses, so that the trial may be promoted later.
        sign: -1 where curves hold the negative of the score; what is told is the score itself.
    """

    pauses: ClassVar[bool] = False
    sign: float = 1.0

    def judge(self, curves: Curves, number: int, epoch: int) -> str | None:
        """Why trial `number` should stop after `epoch`, in words; None to let it go on."""
        return None

    def promotable(self, curves: Curves) -> int | None:
        """A paused trial that has earned to go on."""
        return None


class NoPruner(Pruner):
    """Every trial runs to its end."""


class Median(Pruner):
    """Stops a trial whose best is worse than the median of the completed ones' at the same epoch.

    Args:
        n_startup_trials: completed trials before anything is stopped.
        n_warmup_epochs: epochs of a trial that are never judged.

    Source: Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.2.
    """

    def __init__(self, n_startup_trials: Annotated[int, Ge(1)] = 5, n_warmup_epochs: Annotated[int, Ge(0)] = 0) -> None:
        self.n_startup_trials, self.n_warmup_epochs = n_startup_trials, n_warmup_epochs

    def judge(self, curves: Curves, number: int, epoch: int) -> str | None:
        """Compare at `epoch` with the completed trials that got there."""
        others = [c for n, c in curves.items() if c.completed and n != number]
        if epoch <= self.n_warmup_epochs or len(others) < self.n_startup_trials:
            return None
        scores = [c.scores[epoch] for c in others if epoch in c.scores and not math.isnan(c.scores[epoch])]
        if not scores or (best := curves[number].best(epoch)) <= (median := statistics.median(scores)):
            return None
        trials = counted(len(scores), "trial")
        told, middle = self.sign * best, self.sign * median
        return f"epoch {epoch}: its best, {told:.4g}, is worse than the median {middle:.4g} of {trials}"


class Threshold(Pruner):
    """Stops a trial whose score leaves a band, or is no number.

    Args:
        lower: smallest score allowed; null: none.
        upper: largest score allowed; null: none.
        n_warmup_epochs: epochs that are never judged.
    """

    def __init__(
        self, lower: float | None = None, upper: float | None = None, n_warmup_epochs: Annotated[int, Ge(0)] = 0
    ) -> None:
        self.lower, self.upper, self.n_warmup_epochs = lower, upper, n_warmup_epochs

    def judge(self, curves: Curves, number: int, epoch: int) -> str | None:
        """Look at the score of `epoch` alone."""
        score = self.sign * curves[number].scores[epoch]
        low = -math.inf if self.lower is None else self.lower
        high = math.inf if self.upper is None else self.upper
        if epoch <= self.n_warmup_epochs or low <= score <= high:
            return None
        limit = f"below {low:g}" if score < low else f"above {high:g}" if score > high else "no number"
        return f"epoch {epoch}: {score:.4g} is {limit}"


class Patient(Pruner):
    """Stops a trial that has not improved on its own best for some epochs, as early stopping does.

    Args:
        patience: epochs without improvement after which it stops (at least 1).
        min_delta: how much better than the best counts as improvement.
    """

    def __init__(self, patience: Annotated[int, Ge(1)] = 5, min_delta: Annotated[float, Ge(0)] = 0.0) -> None:
        self.patience, self.min_delta = patience, min_delta

    def judge(self, curves: Curves, number: int, epoch: int) -> str | None:
        """Count the epochs since the last improvement."""
        best, waited = math.inf, 0
        for _, score in sorted((e, v) for e, v in curves[number].scores.items() if e <= epoch):
            if best - score > self.min_delta:
                best, waited = score, 0
            else:
                waited += 1
        return f"epoch {epoch}: no improvement for {counted(waited, 'epoch')}" if waited >= self.patience else None


class Asha(Pruner):
    """Asynchronous successive halving: at epochs ``min_epochs * factor^k`` only the best ``1/factor`` go on.

    The others are paused with a checkpoint; one that comes to belong to the best, as others fall behind, resumes.

    Args:
        min_epochs: the first rung (at least 1).
        reduction_factor: one in so many is promoted (at least 2).
        max_epochs: the length of a whole trial, at which nothing is paused; null: a trial ends by itself.

    Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2.
    """

    pauses = True

    def __init__(
        self,
        min_epochs: Annotated[int, Ge(1)] = 1,
        reduction_factor: Annotated[int, Ge(2)] = 3,
        max_epochs: Annotated[int, Ge(1)] | None = None,
    ) -> None:
        self.min_epochs, self.reduction_factor, self.max_epochs = min_epochs, reduction_factor, max_epochs

    def first_rung(self, number: int) -> int:
        """The first rung of trial `number`."""
        return self.min_epochs

    def rungs(self, number: int, epochs: int) -> list[int]:
        """The rungs of trial `number` up to `epochs`."""
        found, rung = [], self.first_rung(number)
        while rung <= epochs and (self.max_epochs is None or rung < self.max_epochs):
            found.append(rung)
            rung *= self.reduction_factor
        return found

    def _peers(self, curves: Curves, number: int) -> Iterable[tuple[int, Curve]]:
        first = self.first_rung(number)
        return ((n, c) for n, c in curves.items() if self.first_rung(n) == first)

    def _ranked(self, curves: Curves, number: int, rung: int) -> list[int]:
        """The trials that reached `rung`, the best first; ties go to the older one."""
        reached = sorted((_order(c.scores[rung]), n) for n, c in self._peers(curves, number) if rung in c.scores)
        return [n for _, n in reached]

    def _among_best(self, ranked: list[int], number: int) -> bool:
        return number in ranked[: len(ranked) // self.reduction_factor]

    def judge(self, curves: Curves, number: int, epoch: int) -> str | None:
        """At a rung: pause unless it is among the best there."""
        if epoch not in self.rungs(number, epoch):
            return None
        ranked = self._ranked(curves, number, epoch)
        if self._among_best(ranked, number):
            return None
        score, place = self.sign * curves[number].scores[epoch], ranked.index(number) + 1
        one_in = f"the best 1 in {self.reduction_factor}"
        return f"epoch {epoch}: {score:.4g} is place {place} of {len(ranked)} there, and {one_in} go on"

    def promotable(self, curves: Curves) -> int | None:
        """The paused trial of the highest rung that is now among the best there."""
        found = [
            (-rung, _order(curve.scores[rung]), number)
            for number, curve in curves.items()
            if (rung := curve.paused_at) is not None and self._among_best(self._ranked(curves, number, rung), number)
        ]
        return min(found)[2] if found else None


class Hyperband(Asha):
    """Asynchronous successive halving with several first rungs, in turn: a hedge against judging too early.

    Args:
        min_epochs: the first rung of the most eager bracket.
        reduction_factor: one in so many is promoted.
        max_epochs: the length of a whole trial; fixes the number of brackets.

    Source: Li et al. 2018, "Hyperband"; asynchronous as in Li et al. 2020.
    """

    def __init__(
        self,
        min_epochs: Annotated[int, Ge(1)] = 1,
        reduction_factor: Annotated[int, Ge(2)] = 3,
        max_epochs: Annotated[int, Ge(1)] | None = None,
    ) -> None:
        super().__init__(min_epochs, reduction_factor, max_epochs)
        if max_epochs is None:
            raise ConfigError("hydra.sweeper.pruner.max_epochs: hyperband needs the length of a whole trial in epochs.")
        self.shares = self._shares(max_epochs)

    def _shares(self, max_epochs: int) -> list[int]:
        """Trials per cycle in each bracket, most eager first: each bracket gets about the same epochs in all."""
        brackets = 1 + int(math.log(max(1, max_epochs / self.min_epochs), self.reduction_factor) + 1e-9)
        return [math.ceil(brackets * self.reduction_factor ** (left - 1) / left) for left in range(brackets, 0, -1)]

    def first_rung(self, number: int) -> int:
        """Brackets in turn, by number."""
        place = number % sum(self.shares)
        for bracket, share in enumerate(self.shares):
            if place < share:
                return int(self.min_epochs * self.reduction_factor**bracket)
            place -= share
        raise AssertionError(number)


def _order(score: float) -> float:
    return math.inf if math.isnan(score) else score


PRUNERS: dict[str, type[Pruner]] = {
    "none": NoPruner,
    "median": Median,
    "asha": Asha,
    "hyperband": Hyperband,
    "threshold": Threshold,
    "patient": Patient,
}
