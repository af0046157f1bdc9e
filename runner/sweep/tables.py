"""The tables of a sweep, kept up to date while it runs."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from typing import Any

from runner.sweep.composer import Composer
from runner.sweep.folder import SweepFolder, write
from runner.sweep.plan import Plan
from runner.sweep.results import PointResult, spreads_of
from runner.sweep.space import unescaped
from runner.sweep.trial import Trial

FLUSH = 1.0  # seconds between writes, at least
SHARE = 20  # times as long as the last write took, at least: tables of many thousands of trials grow slow


class Tables:
    """Writes ``trials.csv``, ``points.csv`` and ``best.yaml``.

    Args:
        plan: what the sweep is to do.
        folder: its folder.
        composer: writes recipes.

    Attributes:
        stale: whether something changed since the last write.
    """

    def __init__(self, plan: Plan, folder: SweepFolder, composer: Composer) -> None:
        self.plan, self.folder, self.composer = plan, folder, composer
        self.stale = True
        self._written, self._pause = 0.0, FLUSH
        self._best: tuple[int, int] | None = None  # point and number of completed trials in best.yaml

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self.stale and time.monotonic() - self._written > self._pause

    def write(self, trials: Sequence[Trial], points: Sequence[PointResult], front: Sequence[PointResult]) -> None:
        """Write them.

        Args:
            trials: all, in the order of their rows.
            points: all, in the order of their rows.
            front: the best point, or the Pareto front.
        """
        begin, keys = time.monotonic(), [d.key for d in self.plan.space.dimensions]
        write(self.folder.table, trials_table(trials, keys, self.plan.objectives))
        write(self.folder.points, points_table(points, keys, self.plan.objectives))
        if front and (best := (front[0].point, len(front[0].completed))) != self._best:
            write(self.folder.best, self.recipe(front[0]))
            self._best = best
        self._written, self.stale = time.monotonic(), False
        self._pause = max(FLUSH, SHARE * (self._written - begin))

    def recipe(self, point: PointResult) -> str:
        """An experiment file that repeats a point."""
        trial = point.trials[0]
        found = spreads_of(point, self.plan.objectives)
        values = ", ".join(f"{name} {found[name]}" for name in self.plan.objectives if name in found)
        values += f", means of {len(point.trials)} repeats and standard deviations" if len(point.trials) > 1 else ""
        return self.composer.recipe(
            self.plan.space.complete(trial.params),
            f"Trial {trial.number} of {self.folder.path.name}: {values}. Found in trials/{trial.folder}.",
        )


def trials_table(trials: Sequence[Trial], keys: Sequence[str], objectives: Sequence[str]) -> str:
    """``trials.csv``: a row per trial, a column per objective, per further score and per swept key."""
    own = ["number", "point", "status", "cause", *objectives, "seconds", "folder", "overrides", *keys]
    more = [name for name in dict.fromkeys(name for t in trials for name in t.scores) if name not in own]
    rows: list[list[Any]] = [[*own, *more]]
    for t in trials:
        values = [repr(v) for v in t.values] if t.values else [""] * len(objectives)
        row = [t.number, t.point, t.status, t.cause or "", *values, f"{t.seconds:.3f}", f"trials/{t.folder}"]
        row += [" ".join(t.overrides), *(unescaped(t.params.get(key, "")) for key in keys)]
        rows.append([*row, *(repr(t.scores[name]) if name in t.scores else "" for name in more)])
    return _csv(rows)


def points_table(points: Sequence[PointResult], keys: Sequence[str], objectives: Sequence[str]) -> str:
    """``points.csv``: a row per configuration, with mean and standard deviation of each score over its repeats."""
    found = [spreads_of(point, objectives) for point in points]
    names = dict.fromkeys([*objectives, *(name for scores in found for name in scores)])
    columns = [f"{name} {what}" for name in names for what in ("mean", "std")]
    rows: list[list[Any]] = [["point", "trials", "status", "n", *columns, *keys]]
    for point, scores in zip(points, found, strict=True):
        row = [point.point, " ".join(str(t.number) for t in point.trials), point.status, len(point.completed)]
        for name in names:
            spread = scores.get(name)
            row.append("" if spread is None else repr(spread.mean))
            row.append("" if spread is None or spread.deviation is None else repr(spread.deviation))
        rows.append([*row, *(unescaped(point.trials[0].params.get(key, "")) for key in keys)])
    return _csv(rows)


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
