"""What an ablation does next: which runs are to be made, given what came of those before, and which verdicts hold.

Numbers in, names of runs out: the same object is driven by ``ablate``, which trains, and by
``benchmarks/ablation_errors.py``, which draws scores from known distributions.

Where arms are tuned, the unit that is compared is the study: a search of each arm over the same points, and the mean of
its winner over fresh seeds. A study that happened to find good settings is good on every fresh seed, so that its runs
together are one proof and not several (see `runner.analysis.statistics.selection`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from runner.analysis.statistics.comparison import Comparison, compare
from runner.analysis.statistics.evidence import Direction, Scores
from runner.analysis.statistics.selection import by_study
from runner.analysis.statistics.sequential import Plan, Progress, sequential

Settings = tuple[tuple[str, str], ...]
"""What a search found: key and value of all that was tuned."""

STRIDE = 1000
"""Seeds of a study: the first is the search's, those behind it are fresh; so more of either never meet."""


@dataclass(frozen=True)
class Job:
    """A run that an ablation needs.

    Attributes:
        arm: what is compared.
        seed: how far its seed (or fold, or split) is from the first one.
        settings: of what is tuned.
        search: whether it is a trial of a search, and so proves nothing.
    """

    arm: str
    seed: int
    settings: Settings = ()
    search: bool = False

    @property
    def study(self) -> int:
        """To which study it belongs, where arms are tuned."""
        return self.seed // STRIDE


Made = Mapping[Job, float | None]
"""What came of runs: of a search the score that chooses, of others the one that is compared; None where it failed."""


@dataclass(frozen=True)
class Tuning:
    """How arms are tuned.

    Attributes:
        points: what a study tries on an arm: the same points for every arm, as far as it has such keys. A single one
            needs no search.
        seeds: fresh runs of each winner, less than `STRIDE`.
    """

    points: Callable[[str, int], Sequence[Settings]]
    seeds: int


@dataclass(frozen=True)
class Procedure:
    """How an ablation goes, fixed before its first run.

    Attributes:
        arms: the baseline first.
        direction: in which the score improves.
        plan: after how many seeds of each arm (where arms are tuned: after how many studies) verdicts are asked for.
            With one look they are asked for once; with several, arms whose verdict is clear get no more.
        tuning: how arms are tuned; None: they are not.
        test_to_train: see `runner.analysis.statistics.difference.paired`; with a single look only.
    """

    arms: Sequence[str]
    direction: Direction
    plan: Plan
    tuning: Tuning | None = None
    test_to_train: float = 0.0

    @property
    def looks_once(self) -> bool:
        """Whether the number of runs is fixed."""
        return len(self.plan.looks) == 1

    def next(self, made: Made) -> list[Job]:
        """The runs to be made now, in their order; none when verdicts hold."""
        arms, units = self._needed(made)
        for part in (self._search, partial(self._fresh, made=made)):
            if missing := [job for unit in range(units) for arm in arms for job in part(arm, unit) if job not in made]:
                return missing
        return []

    def at_most(self, made: Made) -> int:
        """How many runs there are still to be made, if every arm that is not settled needs all of them."""
        arms, _ = self._needed(made)
        units = [(arm, unit) for arm in arms for unit in range(self.plan.looks[-1])]
        searches = sum(job not in made for arm, unit in units for job in self._search(arm, unit))
        if self.tuning is None:
            return sum(Job(*unit) not in made for unit in units)
        known = [(arm, unit) for arm, unit in units if all(job in made for job in self._search(arm, unit))]
        fresh = sum(job not in made for arm, unit in known for job in self._fresh(arm, unit, made))
        return searches + fresh + self.tuning.seeds * (len(units) - len(known))

    def scores(self, made: Made) -> dict[str, Scores]:
        """What is compared: a score of each arm by seed, or by study; None where it failed."""
        units = range(self.plan.looks[-1])
        return {arm: {unit: score for unit in units for score in self._score(arm, unit, made)} for arm in self.arms}

    def winner(self, arm: str, study: int, made: Made) -> Settings | None:
        """The settings of the best run of a search; None where all failed, or not all were made."""
        trials = list(self._search(arm, study))
        if not trials:
            assert self.tuning is not None
            return self.tuning.points(arm, study)[0]
        sign = 1 if self.direction == "max" else -1
        scores = {job: score for job in trials if (score := made.get(job)) is not None and math.isfinite(score)}
        if not scores or any(job not in made for job in trials):
            return None
        return max(scores, key=lambda job: sign * scores[job]).settings

    def progress(self, made: Made) -> Progress:
        """All looks so far; with one look, that one."""
        scores = self.scores(made)
        if not self.looks_once:
            return sequential(scores, self.plan, self.direction)
        (units,) = self.plan.looks
        if any(len(runs) < units for runs in scores.values()):
            return Progress({}, tuple(self.arms[1:]), units)
        plan = self.plan
        found = compare(scores, self.direction, plan.alpha, plan.margin, test_to_train=self.test_to_train)
        return Progress(found, (), None, (found,))

    def comparisons(self, made: Made) -> dict[str, Comparison]:
        """Each arm against the baseline, as of its last look; empty before the first."""
        return self.progress(made).comparisons

    def _needed(self, made: Made) -> tuple[Sequence[str], int]:
        """The arms that need runs, and how many seeds or studies of each."""
        if self.looks_once:
            return self.arms, self.plan.looks[0]
        progress = self.progress(made)
        return (self.arms[0], *progress.going_on), progress.seeds or 0

    def _search(self, arm: str, unit: int) -> Iterator[Job]:
        points = self.tuning.points(arm, unit) if self.tuning else ()
        if len(points) > 1:
            yield from (Job(arm, STRIDE * unit, settings, search=True) for settings in points)

    def _fresh(self, arm: str, unit: int, made: Made) -> Iterator[Job]:
        if self.tuning is None:
            yield Job(arm, unit)
        elif (settings := self.winner(arm, unit, made)) is not None:
            yield from (Job(arm, STRIDE * unit + 1 + seed, settings) for seed in range(self.tuning.seeds))

    def _score(self, arm: str, unit: int, made: Made) -> Iterator[float | None]:
        """The score of a seed or a study; nothing where it is not known yet."""
        if any(job not in made for job in self._search(arm, unit)):
            return
        jobs = list(self._fresh(arm, unit, made))
        if any(job not in made for job in jobs):
            return
        yield by_study({(unit, job.seed): made[job] for job in jobs}).get(unit)


def conduct(procedure: Procedure, make: Callable[[list[Job]], Made]) -> Made:
    """Have all runs made that a procedure asks for.

    Args:
        procedure: what is asked for.
        make: makes the runs it is given.

    Returns:
        What came of them.
    """
    made: dict[Job, float | None] = {}
    while jobs := procedure.next(made):
        found = make(jobs)
        made |= {job: found[job] for job in jobs}
    return made
