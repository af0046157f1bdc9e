"""What a sweep is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.sweep.pruning import Pruner
from runner.sweep.samplers import Sampler
from runner.sweep.settings import Tested
from runner.sweep.space import Point, Space


@dataclass(frozen=True)
class Plan:
    """What a sweep is to do.

    Attributes:
        space: what is searched.
        sampler: who chooses.
        pruner: who stops trials early.
        objectives: name of each objective.
        directions: ``minimize`` or ``maximize`` for each.
        n_trials: points in all; None: as many as the grid has.
        seed: of the sampler.
        repeats: trials per point, each with its own value of `repeat_key`.
        repeat_key: a key of the application, such as ``seed``.
        retries: how often a failed trial is tried again.
        timeout: seconds that one attempt may take.
        max_failures: failed trials that are put up with; None: any number.
        enqueue: points to be tried first.
        named: whether the command names the objectives.
        scored: whether trials must have scores; they need none where nothing is learned from them.
        protocol: whether trials report by epoch, can be stopped and resumed.
        commanded: values of keys for which a trial's record is not believed.
        test: which completed trials are evaluated on the test split at the end: those of the best point, all or none.
    """

    space: Space
    sampler: Sampler
    pruner: Pruner
    objectives: list[str]
    directions: list[str]
    n_trials: int | None
    seed: int = 0
    repeats: int = 1
    repeat_key: str = "seed"
    retries: int = 0
    timeout: float | None = None
    max_failures: int | None = None
    enqueue: list[Point] = field(default_factory=list)
    named: bool = False
    scored: bool = True
    protocol: bool = False
    commanded: Mapping[str, Any] = field(default_factory=dict)
    test: Tested = "best"

    @property
    def signs(self) -> list[float]:
        """1 for each objective to be minimized, -1 for one to be maximized."""
        return [1.0 if d == "minimize" else -1.0 for d in self.directions]
