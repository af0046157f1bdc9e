"""Covariance matrix adaptation whose state is made again from the study's trials, never read from it."""

from __future__ import annotations

from typing import Any

from optuna.samplers import CmaEsSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial


class ReplayedCmaEs(CmaEsSampler):
    """Optuna's sampler without its pickles.

    Optuna keeps the optimizer in the study, pickled, and so executes what a study from somebody else holds. Here it
    stays in memory, nothing of it is written, and a new process tells it the trials of each generation once more.
    """

    _optimizer: Any = None

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        self._completed = completed_trials
        return self._optimizer

    def _split_optimizer_str(self, optimizer_str: str) -> dict[str, str]:
        return {}

    def _init_optimizer(self, trans: Any, direction: StudyDirection) -> Any:
        optimizer = self._optimizer = super()._init_optimizer(trans, direction)
        sign = 1.0 if direction == StudyDirection.MINIMIZE else -1.0
        while (
            len(told := self._get_solution_trials(self._completed, optimizer.generation)) >= optimizer.population_size
        ):
            pairs = [(trans.transform(t.params), sign * (t.value or 0.0)) for t in told[: optimizer.population_size]]
            optimizer.tell(pairs)
        return optimizer

    def _get_solution_trials(self, trials: list[FrozenTrial], generation: int) -> list[FrozenTrial]:
        """A generation's trials in the order in which they ended, so that those told are the same ones each time."""
        found = super()._get_solution_trials(trials, generation)
        return sorted(found, key=lambda t: (t.datetime_complete, t.number))
