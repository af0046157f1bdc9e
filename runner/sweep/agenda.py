"""Which trial comes next: one that was begun, one that earned to go on, a repeat, or a new point."""

from __future__ import annotations

from collections import deque

from runner.sweep.configs import Configs
from runner.sweep.folder import SweepFolder, plain_name, slug
from runner.sweep.plan import Plan
from runner.sweep.pruning import Curve
from runner.sweep.samplers import Grid
from runner.sweep.space import Point
from runner.sweep.study import Study
from runner.sweep.trial import Trial


class Agenda:
    """What is still to be done.

    Args:
        plan: what the sweep is to do.
        folder: its folder.
        study: the samplers' memory.
        configs: makes the trials' configs.
        trials: all trials by number; new ones are added.
        curves: what they reported, by number.

    Attributes:
        members: the trials of each point.
    """

    def __init__(
        self,
        plan: Plan,
        folder: SweepFolder,
        study: Study,
        configs: Configs,
        trials: dict[int, Trial],
        curves: dict[int, Curve],
    ) -> None:
        self.plan, self.folder, self.study, self.configs = plan, folder, study, configs
        self.trials, self.curves = trials, curves
        self.members: dict[int, list[Trial]] = {}
        for trial in trials.values():
            self.members.setdefault(trial.point, []).append(trial)
        self._queue = deque(t for t in trials.values() if t.status == "interrupted")
        self._repeats: deque[int] = deque()
        for point, members in self.members.items():
            self._repeats.extend([point] * max(0, plan.repeats - len(members)))
        self._seen = {_identity(t.params) for t in trials.values()}
        self._enqueue = deque(p for p in plan.enqueue if _identity(p) not in self._seen)
        self._index = 0
        if not isinstance(plan.sampler, Grid):  # a grid is walked anew, leaving out what is there
            self._index = max((t.index + 1 for t in trials.values() if t.index is not None), default=0)
        self._exhausted = False
        self._next = max(trials, default=-1) + 1, max(self.members, default=-1) + 1  # numbers of a trial and a point
        self._grid: int | None = None
        if isinstance(plan.sampler, Grid):
            listed = plan.sampler.points(plan.space)
            self._grid = len(self._seen | {_identity(p) for p in [*listed, *self._enqueue]})

    def again(self, trial: Trial) -> None:
        """Put a trial that was begun at the end of the queue."""
        self._queue.append(trial)

    @property
    def more(self) -> bool:
        """Whether anything is left that is not running or paused."""
        enough = self.plan.n_trials is not None and self.study.asked(len(self.members)) >= self.plan.n_trials
        return bool(self._queue or self._repeats) or not (enough or self._exhausted)

    @property
    def points(self) -> int:
        """Points in all, those to come included."""
        points = self.plan.n_trials
        if self._grid is not None:
            points = min(self._grid, points or self._grid)
        return max(len(self.members), points or 0)

    def next(self) -> Trial | None:
        """The next trial for an idle worker; None while there is none."""
        if self._queue:
            return self._queue.popleft()
        promoted = self.plan.pruner.promotable(self.curves)
        if promoted is not None:
            trial, curve = self.trials[promoted], self.curves[promoted]
            curve.judged, curve.paused_at = curve.paused_at or 0, None
            trial.paused_at = None
            self.study.begin(trial.point, trial.params)
            self.study.link(trial.point, self.members[trial.point])
            return trial
        if self._repeats:
            point = self._repeats.popleft()
            first = self.members[point][0]
            return self._create(point, first.index, first.params)
        return self._new_point()

    def _new_point(self) -> Trial | None:
        if not self.more:
            return None
        number = self.study.claim(self._next[1], self.plan.n_trials)
        if number is None:
            self._exhausted = True
            return None
        index: int | None = None
        if self._enqueue:
            point = self._enqueue.popleft()
            self.study.begin(number, point)
        else:
            found = self._draw(number)
            if found is None:
                self._exhausted = True
                return None
            index, point = found
        self._seen.add(_identity(point))
        self._repeats.extend([number] * (self.plan.repeats - 1))
        return self._create(number, index, point)

    def _draw(self, number: int) -> tuple[int, Point] | None:
        plan, index = self.plan, number if self.study.shared else self._index
        if plan.sampler.adaptive and (self.study.shared or self.study.completed >= plan.sampler.startup):
            self._index += 1
            return index, self.study.ask(number)
        if self.study.shared:
            return self._claimed(number)
        while True:
            index, self._index = self._index, self._index + 1
            point = plan.sampler.point(plan.space, plan.seed, index)
            if point is None:
                return None
            if not isinstance(plan.sampler, Grid) or _identity(point) not in self._seen:
                self.study.begin(number, point)
                return index, point

    def _claimed(self, number: int) -> tuple[int, Point] | None:
        """The point that a number of a shared study stands for; None behind the end of a grid."""
        point = self.plan.sampler.point(self.plan.space, self.plan.seed, number)
        if point is None:
            self.study.drop(number)
            return None
        self.study.begin(number, point)
        return number, point

    def look_ahead(self) -> None:
        """Compose the config that will most likely be next; changes nothing else."""
        if self.plan.sampler.adaptive or self.study.shared or not self.more:
            return
        point = self.plan.sampler.point(self.plan.space, self.plan.seed, self._index)
        if point is not None and self.plan.repeats == 1:
            self.configs.prepare(self.plan.space.complete(point))

    def _create(self, point: int, index: int | None, params: Point) -> Trial:
        number = self._next[0]
        self._next = number + 1, max(self._next[1], point + 1)
        members = self.members.setdefault(point, [])
        repeat = len(members)
        own, overrides = self.plan.space.overrides(params), self.plan.space.complete(params)
        if self.plan.repeats > 1:
            key = self.plan.repeat_key
            counted = f"{key}={int(self.configs.composer.current(key) or 0) + repeat}"
            own, overrides = [*own, counted], [*overrides, counted]
        frozen = self.configs.freeze(number, overrides)
        name = f"{number:04d}-{plain_name(self.configs.words(number)) or slug(own)}"
        trial = Trial(number, point, index, repeat, params, overrides, name, frozen)
        self.folder.create(trial)
        self.trials[number] = trial
        members.append(trial)
        self.study.link(point, members)
        return trial


def _identity(point: Point) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(point.items()))
