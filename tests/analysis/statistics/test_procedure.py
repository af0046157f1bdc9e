"""What an ablation does next, with trainers whose scores are known."""

import math

import numpy as np
import pytest

from runner.analysis.statistics.comparison import compare
from runner.analysis.statistics.procedure import STRIDE, Job, Procedure, Tuning, conduct
from runner.analysis.statistics.sequential import Plan

ARMS = ("none", "good", "same")
SHIFT = {"none": 0.0, "good": 3.0, "same": 0.0}


class Trainer:
    """Scores that depend on arm, seed and settings alone; notes what it was asked for."""

    def __init__(self, failing=lambda job: False, shift=SHIFT):
        self.rounds, self.failing, self.shift = [], failing, shift

    def score(self, job):
        rng = np.random.default_rng([1, ARMS.index(job.arm), job.seed, len(job.settings)])
        rate = float(dict(job.settings).get("lr", 0.5))
        return None if self.failing(job) else self.shift[job.arm] - (rate - 0.5) ** 2 + rng.normal()

    def __call__(self, jobs):
        assert len(set(jobs)) == len(jobs)
        self.rounds.append(jobs)
        return {job: self.score(job) for job in jobs}

    @property
    def jobs(self):
        return [job for jobs in self.rounds for job in jobs]


def points(arm, study):
    rng = np.random.default_rng(study)
    return tuple((("lr", str(rate)),) for rate in rng.random(4)) if arm != "same" else ((),)


def test_fixed_seeds_are_made_once_and_compared():
    procedure, trainer = Procedure(ARMS, "max", Plan((5,))), Trainer()
    assert procedure.at_most({}) == 15
    made = conduct(procedure, trainer)
    assert trainer.rounds == [[Job(arm, seed) for seed in range(5) for arm in ARMS]]
    arms = {arm: {seed: trainer.score(Job(arm, seed)) for seed in range(5)} for arm in ARMS}
    assert procedure.comparisons(made) == compare(arms, "max")
    assert procedure.at_most(made) == 0


def test_arms_whose_verdict_is_clear_get_no_more_seeds():
    procedure, trainer = Procedure(ARMS, "max", Plan((3, 5, 7, 9))), Trainer()
    made = conduct(procedure, trainer)
    counts = {arm: sum(job.arm == arm for job in trainer.jobs) for arm in ARMS}
    found = procedure.comparisons(made)
    assert (found["good"].verdict, found["same"].verdict) == ("better", "no difference shown")
    assert counts["good"] < counts["same"] == counts["none"] == 9
    assert counts["good"] == found["good"].n
    after = next(i for i, jobs in enumerate(trainer.rounds) if all(job.arm != "good" for job in jobs))
    so_far = {job: made[job] for jobs in trainer.rounds[:after] for job in jobs}
    assert procedure.at_most(so_far) == 2 * (9 - counts["good"])


def tuned(looks=(3,), seeds=2, direction="max"):
    return Procedure(ARMS, direction, Plan(looks), Tuning(points, seeds))


def test_winners_are_run_again_on_fresh_seeds_and_compared_by_study():
    procedure, trainer = tuned(), Trainer()
    assert procedure.at_most({}) == 3 * (4 + 4) + 3 * 3 * 2
    made = conduct(procedure, trainer)
    searches, fresh = trainer.rounds
    assert all(job.search for job in searches)
    assert not any(job.search for job in fresh)
    assert not {job.seed for job in searches} & {job.seed for job in fresh}
    by_study = {}
    for arm in ARMS:
        for study in range(3):
            tried = [Job(arm, STRIDE * study, settings, True) for settings in points(arm, study)]
            best = max(tried, key=trainer.score).settings
            own = [Job(arm, STRIDE * study + 1 + k, best) for k in range(2)]
            assert [job for job in fresh if (job.arm, job.study) == (arm, study)] == own
            by_study.setdefault(arm, {})[study] = np.mean([trainer.score(job) for job in own])
    for arm, scores in procedure.scores(made).items():
        assert scores == pytest.approx(by_study[arm])
    assert procedure.comparisons(made)["good"] == compare(procedure.scores(made), "max")["good"]
    assert procedure.comparisons(made)["good"].n == 3
    assert not [job for job in searches if job.arm == "same"]  # it has one point: nothing to search


@pytest.mark.parametrize("direction", ["min", "max"])
def test_failed_trials_lose_and_a_search_of_failures_counts_against_its_arm(direction):
    def failing(job):
        hopeless = job.arm == "good" and job.study == 1
        return job.search and (hopeless or job.settings == points(job.arm, job.study)[0])

    procedure, trainer = tuned(direction=direction), Trainer(failing)
    made = conduct(procedure, trainer)
    assert procedure.winner("good", 1, made) is None
    tried = {settings: trainer.score(Job("none", STRIDE, settings, True)) for settings in points("none", 1)[1:]}
    assert procedure.winner("none", 1, made) == {"min": min, "max": max}[direction](tried, key=tried.get)
    assert procedure.scores(made)["good"][1] is None
    assert procedure.comparisons(made)["good"].scores.failures == 1


def test_studies_are_added_and_dropped_like_seeds():
    procedure, trainer = tuned(looks=(3, 4, 5, 6)), Trainer(shift={"none": 0.0, "good": 50.0, "same": 0.0})
    made = conduct(procedure, trainer)
    studies = {arm: {job.study for job in trainer.jobs if job.arm == arm} for arm in ARMS}
    assert procedure.comparisons(made)["good"].verdict == "better"
    assert len(studies["good"]) == procedure.comparisons(made)["good"].n < 6
    assert studies["none"] == studies["same"] == set(range(6))


def test_runs_that_nobody_asked_for_change_nothing():
    for procedure in (tuned(looks=(3, 4, 5, 6)), Procedure(ARMS, "max", Plan((3, 5, 7)))):
        trainer = Trainer(shift={"none": 0.0, "good": 50.0, "same": 0.0})
        made = conduct(procedure, trainer)
        once = Procedure(ARMS, "max", Plan(procedure.plan.looks[-1:]), procedure.tuning)
        more = {**conduct(once, trainer), **made}
        assert len(more) > len(made)
        assert procedure.comparisons(more) == procedure.comparisons(made)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_a_search_has_no_winner_before_its_end_nor_one_without_a_score_and_of_equals_the_first_wins(direction):
    procedure = tuned(direction=direction)
    tried = [Job("none", 0, settings, True) for settings in points("none", 0)]
    assert procedure.winner("none", 0, dict.fromkeys(tried[:3], 1.0)) is None
    assert procedure.winner("none", 0, dict.fromkeys(tried, 1.0)) == tried[0].settings
    no_number = dict.fromkeys(tried, math.nan) | {tried[2]: 1.0}
    assert procedure.winner("none", 0, no_number) == tried[2].settings
    assert procedure.winner("none", 0, no_number | {tried[2]: math.inf}) is None


def test_verdicts_are_those_of_what_was_asked_for():
    trainer = Trainer()
    arms = {arm: {seed: trainer.score(Job(arm, seed)) for seed in range(5)} for arm in ARMS}
    made = {Job(arm, seed): score for arm in ARMS for seed, score in arms[arm].items()}
    procedure = Procedure(ARMS, "max", Plan((5,), alpha=0.2, margin=9.0), test_to_train=0.25)
    found = procedure.comparisons(made)
    assert found == compare(arms, "max", 0.2, 9.0, test_to_train=0.25)
    for other in (compare(arms, "max", 0.2, 9.0), compare(arms, "max", 0.2, test_to_train=0.25)):
        assert found != other
    made.pop(Job("same", 4))
    assert procedure.comparisons(made) == {}  # one run is under way: a look before it is one more
