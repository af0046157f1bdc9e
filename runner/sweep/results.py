"""Trials added up: repeats to points, points to the best one or the Pareto front."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runner.sweep.trial import FINISHED, Status, Trial


@dataclass(frozen=True)
class PointResult:
    """A point of the space and what its trials say of it.

    Attributes:
        point: its number.
        trials: its trials, by number; more than one where there are repeats.
        status: that of the trials where they agree; running until all are finished, then failed if one failed.
        values: mean of each objective over completed repeats; None unless all are completed.
        errors: standard error of each mean; None with a single trial.
        deviations: standard deviation of each objective over the repeats (divided by n - 1); None with a single trial.
    """

    point: int
    trials: tuple[Trial, ...]
    status: Status
    values: list[float] | None
    errors: list[float] | None
    deviations: list[float] | None = None

    @property
    def completed(self) -> list[Trial]:
        """Its completed trials."""
        return [t for t in self.trials if t.status == "completed"]


@dataclass(frozen=True)
class Spread:
    """A score over the repeats of a point.

    Attributes:
        mean: over those that have it.
        deviation: standard deviation (divided by n - 1); None of a single one.
        n: how many have it.
    """

    mean: float
    deviation: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        deviation = statistics.stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else None
        return cls(statistics.fmean(values), deviation, len(values))

    def __str__(self) -> str:
        return f"{self.mean:.6g}" + (f" (sd {self.deviation:.2g})" if self.deviation is not None else "")


def spreads(tables: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Each score that at least one of several tables has."""
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: Spread.of([table[name] for table in tables if name in table]) for name in names}


def spreads_of(point: PointResult, objectives: Sequence[str]) -> dict[str, Spread]:
    """All scores of a point over its completed repeats, the objectives first."""
    return spreads([dict(zip(objectives, t.values or [], strict=False)) | t.scores for t in point.completed])


def by_point(trials: Iterable[Trial], repeats: int) -> list[PointResult]:
    """Points in the order in which they were asked."""
    grouped: dict[int, list[Trial]] = {}
    for trial in sorted(trials, key=lambda t: t.number):
        grouped.setdefault(trial.point, []).append(trial)
    return [summarize(point, members, repeats) for point, members in sorted(grouped.items())]


def summarize(point: int, trials: list[Trial], repeats: int) -> PointResult:
    """One point from its trials."""
    values = errors = deviations = None
    if len(trials) == 1 and repeats == 1:
        return PointResult(point, tuple(trials), trials[0].status, trials[0].values, None)
    if len(trials) < repeats or any(t.status not in FINISHED for t in trials):
        status: Status = "running"
    elif all(t.status == "completed" and not t.values for t in trials):
        status = "completed"
    elif all(t.status == "completed" and t.values for t in trials):
        status = "completed"
        columns = list(zip(*(t.values or [] for t in trials), strict=True))
        values = [statistics.fmean(c) for c in columns]
        if len(trials) > 1:
            deviations = [statistics.stdev(c) for c in columns]
            errors = [d / math.sqrt(len(trials)) for d in deviations]
    else:
        status = "failed"
    return PointResult(point, tuple(trials), status, values, errors, deviations)


class Front:
    """What `best` gives, kept up to date point by point.

    Args:
        points: those that are there.
        signs: as of `best`.
    """

    def __init__(self, points: Iterable[PointResult], signs: Sequence[float]) -> None:
        self.signs, self.points = signs, best(points, signs)

    def add(self, point: PointResult) -> None:
        """A point that has just ended; a completed one changes no more."""
        if point.status == "completed" and point.values:
            rest = [p for p in self.points if p.point != point.point]
            self.points = best(sorted([*rest, point], key=lambda p: p.point), self.signs)


def best(points: Iterable[PointResult], signs: Sequence[float]) -> list[PointResult]:
    """The best completed point, or with several objectives those that no other one beats (the Pareto front).

    Args:
        points: all of them.
        signs: 1 for each objective to be minimized, -1 for one to be maximized.
    """
    done = [p for p in points if p.status == "completed" and p.values]
    if len(signs) == 1:
        return [min(done, key=lambda p: signs[0] * p.values[0])] if done else []  # type: ignore[index]
    costs = {p.point: [s * v for s, v in zip(signs, p.values or [], strict=True)] for p in done}
    return [p for p in done if not any(_dominates(costs[q.point], costs[p.point]) for q in done)]


def _dominates(a: list[float], b: list[float]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))
