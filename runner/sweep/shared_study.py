"""A study in a database on which several drivers work, each with trials and a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna.trial import Trial as Suggesting

from runner.errors import ConfigError
from runner.sweep.results import PointResult
from runner.sweep.samplers import Sampler
from runner.sweep.space import Point, Space
from runner.sweep.study import POINT, Study, state_of
from runner.sweep.trial import FINISHED

DRIVER, SWEEP = "driver", "sweep"  # whose a trial is: a word that the driver's folder keeps, and where that lies
AGAIN = "again"  # of a trial that is a further attempt at a point that has one already
VOID = "void"  # of one that came too late: all points were there


class SharedStudy(Study):
    """The driver's part of a study that it shares.

    A new point is claimed by making a trial, which a database does one after the other: how many claims were before it
    is the point's number and its index, for which a grid or a random search has one point. So no point is asked twice.
    A driver touches only trials that it claimed; a point that it claimed and did not begin it begins after its restart.

    Args:
        storage: an Optuna URL.
        name: the study's name, the same for all drivers.
        objectives: names of the objectives.
        directions: ``minimize`` or ``maximize`` for each objective.
        sampler: who chooses.
        space: what is searched, the same for all drivers.
        seed: the sampler's seed, the same for all drivers.
        driver: whose this is.
        folder: that driver's sweep.
        take_over: the folder of another driver that will not come back, whose unfinished points become this one's.
        left: that driver's points; of those that are done the study may not know yet.
    """

    shared = True

    def __init__(
        self,
        storage: str,
        name: str,
        objectives: Sequence[str],
        directions: Sequence[Any],
        sampler: Sampler,
        space: Space,
        seed: int,
        driver: str,
        folder: Path,
        take_over: Path | None,
        left: Sequence[PointResult] = (),
    ) -> None:
        super().__init__(storage, folder / "study.journal", name, objectives, directions, sampler, space, seed)
        self._own = {DRIVER: driver, SWEEP: str(folder)}
        self._unused: list[FrozenTrial] = []  # claimed and not begun
        self._claims = 0
        self._take_over = take_over
        self._done = {point.point: point for point in left if point.status in FINISHED}
        searched = {d.key: [d.describe(), str(d.when)] for d in space.dimensions}
        told = json.dumps([type(sampler).__name__.lower(), seed, sorted(space.fixed), searched], sort_keys=True)
        before = self.study.user_attrs.get("search", told)
        if before != told:
            raise ConfigError(
                f"hydra.sweeper.shared_study={name}: is another search than this one: {before}, and here {told}. Give "
                "the same keys, sampler and seed, or another name."
            )
        self.study.set_user_attr("search", told)

    def _trials(self) -> list[FrozenTrial]:
        found: list[FrozenTrial] = self._storage.get_all_trials(self.study._study_id, deepcopy=False)
        return found

    def _all_claims(self) -> list[FrozenTrial]:
        """The first trials of points, those of void claims too."""
        return [t for t in self._trials() if AGAIN not in t.user_attrs]

    def _known(self, wanted: set[int]) -> list[FrozenTrial]:
        """Its own, but for those that were claimed and not begun, which are kept for the next points."""
        claims = self._all_claims()
        ranks = {t.number: rank for rank, t in enumerate(sorted(claims, key=lambda t: t.number))}
        self._claims = sum(VOID not in t.user_attrs for t in claims)
        if self._take_over is not None:
            self._adopt(str(self._take_over), ranks)
        own = [t for t in self._trials() if t.user_attrs.get(DRIVER) == self._own[DRIVER]]
        for trial in own:
            if trial.state == TrialState.RUNNING and trial.number in ranks and POINT not in trial.user_attrs:
                self._storage.set_trial_user_attr(trial._trial_id, POINT, ranks[trial.number])
        own = [t for t in self._trials() if t.user_attrs.get(DRIVER) == self._own[DRIVER]]
        begun = {t.number: t.state != TrialState.RUNNING or t.user_attrs[POINT] in wanted for t in own}
        self._unused = [t for t in own if not begun[t.number]]
        return [t for t in own if begun[t.number]]

    def taken(self) -> set[int]:
        """The points of other drivers, those among them that they took over from this one."""
        begun = sorted((t for t in self._trials() if POINT in t.user_attrs), key=lambda t: t.number)
        last = {t.user_attrs[POINT]: t.user_attrs[DRIVER] for t in begun}
        return {point for point, driver in last.items() if driver != self._own[DRIVER]}

    def _adopt(self, folder: str, ranks: dict[int, int]) -> None:
        """Make another driver's unfinished points this one's; where two want them, the database lets one have each."""
        for trial in self._trials():
            if trial.user_attrs.get(SWEEP) != folder or trial.state != TrialState.RUNNING:
                continue
            with suppress(UpdateFinishedTrialError):
                if done := self._done.get(trial.user_attrs.get(POINT, -1)):
                    state = state_of(done.status, done.values)
                    values = done.values if state == TrialState.COMPLETE else None
                    self._storage.set_trial_state_values(trial._trial_id, state, values)
                    continue
                self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
                attrs = {POINT: trial.user_attrs.get(POINT, ranks.get(trial.number)), AGAIN: True, **self._own}
                copy = create_trial(
                    state=TrialState.RUNNING,
                    params=trial.params,
                    distributions=trial.distributions,
                    user_attrs=attrs,
                )
                self._storage.create_new_trial(self.study._study_id, template_trial=copy)

    @property
    def _salt(self) -> int:
        return int(self._own[DRIVER], 16) % 2**31  # two drivers must not draw the same

    def _attributes(self, number: int) -> dict[str, Any]:
        return {POINT: number, AGAIN: True, **self._own}

    def asked(self, here: int) -> int:
        """Points that were claimed by all drivers, as far as is known here."""
        return self._claims - len(self._unused)

    def claim(self, number: int, wanted: int | None) -> int | None:
        """Claim a new point."""
        if self._unused:
            trial = self._unused.pop(0)
            self.ids[trial.user_attrs[POINT]] = trial._trial_id
            return int(trial.user_attrs[POINT])
        self._claims = sum(VOID not in t.user_attrs for t in self._all_claims())
        if wanted is not None and self._claims >= wanted:  # a void claim would take a number from later points
            return None
        template = create_trial(state=TrialState.RUNNING, user_attrs=dict(self._own))
        made = self._storage.create_new_trial(self.study._study_id, template_trial=template)
        own = self._storage.get_trial_number_from_id(made)
        claims = [t for t in self._all_claims() if t.number < own]
        before = sum(VOID not in t.user_attrs for t in claims)
        self._claims = before + 1
        if wanted is not None and before >= wanted:
            self._claims = before
            self._void(made)
            return None
        self._storage.set_trial_user_attr(made, POINT, len(claims))
        self.ids[len(claims)] = made
        return len(claims)

    def drop(self, number: int) -> None:
        """Take back a claim: there is no such point."""
        self._void(self.ids.pop(number))

    def _void(self, trial: int) -> None:
        self._storage.set_trial_user_attr(trial, VOID, True)
        self._storage.set_trial_state_values(trial, TrialState.FAIL)

    def begin(self, number: int, point: Point) -> None:
        """Note that a point is being tried."""
        if number not in self.ids:
            self._add(number, self._frozen(number, point, TrialState.RUNNING))
            return
        trial = self._storage.get_trial(self.ids[number])
        for key, value in self._params(point).items():
            if key not in trial.params:
                kind = self.distributions[key]
                self._storage.set_trial_param(self.ids[number], key, kind.to_internal_repr(value), kind)

    def ask(self, number: int) -> Point:
        """The point of a claim, chosen by the sampler from what all drivers told."""
        self.study._thread_local.cached_all_trials = None
        trial = Suggesting(self.study, self.ids[number])
        return self.space.build(lambda d: d.text(trial._suggest(d.key, self.distributions[d.key])))
