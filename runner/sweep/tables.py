"""The tables of a sweep, kept up to date while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from runner.sweep.composer import Composer
from runner.sweep.folder import SweepFolder, write
from runner.sweep.plan import Plan
from runner.sweep.results import PointResult
from runner.sweep.trial import Trial

FLUSH = 1.0  # seconds between writes


class Tables:
    """Writes ``trials.csv`` and ``best.yaml``.

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
        self._written = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self.stale and time.monotonic() - self._written > FLUSH

    def write(self, trials: Iterable[Trial], front: Sequence[PointResult]) -> None:
        """Write them.

        Args:
            trials: all, in the order of their rows.
            front: the best point, or the Pareto front.
        """
        keys = [d.key for d in self.plan.space.dimensions]
        self.folder.write_table(trials, keys, self.plan.objectives)
        if front:
            write(self.folder.best, self.recipe(front[0]))
        self._written, self.stale = time.monotonic(), False

    def recipe(self, point: PointResult) -> str:
        """An experiment file that repeats a point."""
        trial = point.trials[0]
        values = ", ".join(f"{n} {v:.6g}" for n, v in zip(self.plan.objectives, point.values or [], strict=True))
        return self.composer.recipe(
            self.plan.space.complete(trial.params),
            f"Trial {trial.number} of {self.folder.path.name}: {values}. Found in trials/{trial.folder}.",
        )
