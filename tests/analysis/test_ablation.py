"""What is said of an ablation's runs, with runs that nobody made: no process, no folder."""

import pytest

from runner.analysis.ablation import Ablation, Run
from runner.analysis.statistics.procedure import STRIDE, Job, Procedure, Tuning
from runner.analysis.statistics.sequential import Plan

FOUND = {("a", 0): "2", ("b", 0): "1", ("a", 1): "1", ("b", 1): "2", ("a", 2): "2", ("b", 2): "2"}
"""What the search of each arm and study finds; so validation prefers it, and the test split the other one."""


def points(arm, study):
    return (("k", "1"),), (("k", "2"),)


def run(job, status="completed"):
    if job.search:
        return Run("f", status, None, 100.0, {"val/accuracy": 0.9 if dict(job.settings)["k"] == best(job) else 0.2})
    offset = 0.01 * (job.seed % STRIDE) + 0.1 * job.study + (0.05 if job.arm == "b" else 0)
    return Run("f", status, None, 3.0, {"val/accuracy": 0.5 + offset, "test/accuracy": 0.3 + offset})


def best(job):
    return FOUND[job.arm, job.study]


@pytest.fixture
def tuned(tmp_path):
    procedure = Procedure(("a", "b"), "max", Plan((3,)), Tuning(points, 2))
    jobs = [Job(arm, STRIDE * study, p, True) for arm, study in FOUND for p in points(arm, study)]
    jobs += [Job(arm, STRIDE * study + 1 + k, (("k", FOUND[arm, study]),)) for arm, study in FOUND for k in (0, 1)]
    failed = Job("b", STRIDE * 2 + 2, (("k", "2"),))
    runs = {job: run(job) for job in jobs} | {failed: run(failed, "failed")}
    return Ablation(tmp_path, procedure, runs, [], "seed", "test/accuracy", ["k=1,2"])


def test_winners_are_chosen_on_validation_and_compared_on_test(tuned):
    studies = tuned.studies
    assert {(arm, s): dict(study.settings)["k"] for arm in studies for s, study in studies[arm].items()} == FOUND
    first = studies["a"][1]
    assert (first.trials, first.failed, first.found) == (2, 0, 0.9)
    assert first.confirmation.fresh.mean == pytest.approx(0.6 + 0.015)  # validation, as the search's
    assert first.confirmation.overstated == pytest.approx(0.9 - 0.615)
    assert first.score == pytest.approx(0.4 + 0.015)  # test
    assert tuned.scores("test/accuracy")["a"] == pytest.approx({0: 0.315, 1: 0.415, 2: 0.515})


def test_a_study_with_a_failed_fresh_run_counts_as_failed(tuned):
    assert tuned.studies["b"][2].score is None
    assert tuned.studies["b"][2].confirmation.fresh.failures == 1
    assert tuned.comparisons["b"].scores.failures == 1
    record = tuned.record()
    assert record["arms"]["b"]["scores"]["test/accuracy"]["failures"] == 1


def test_searches_are_told_apart_from_what_is_compared(tuned):
    record = tuned.record()
    assert list(record["arms"]["a"]["runs"]) == ["0/0", "0/1", "1/0", "1/1", "2/0", "2/1"]
    assert record["arms"]["a"]["seconds"] == 3.0  # searches cost 100
    assert record["looks"] is None
    assert record["search"] == {
        "tuned": ["k=1,2"],
        "score": "val/accuracy",
        "trials": 2,
        "seeds": 2,
        "runs": 12,
    }
    assert record["covers"].startswith("study (what a search finds) and seed")


def test_cost_is_that_of_completed_runs(tmp_path):
    runs = {Job(arm, seed): run(Job(arm, seed)) for arm in "ab" for seed in range(3)}
    runs[Job("a", 0)] = Run("f", "failed", "non-finite loss", 900.0, {"test/accuracy": 0.0})
    ablation = Ablation(tmp_path, Procedure(("a", "b"), "max", Plan((3,))), runs, [], "seed", "test/accuracy")
    assert ablation.cost("a") == 3.0
    assert ablation.scores("test/accuracy")["a"][0] is None  # what it had scored before it failed counts for nothing


def test_looks_are_told_with_their_number_of_runs(tmp_path):
    runs = {Job(arm, seed): run(Job(arm, seed)) for arm in "ab" for seed in range(4)}
    for seed in range(4):  # alike but for noise, so that it goes on
        runs[Job("b", seed)] = Run("f", "completed", None, 3.0, {"val/accuracy": 0.5 + 0.1 * (-1) ** seed})
    plan = Plan((3, 4, 5))
    ablation = Ablation(tmp_path, Procedure(("a", "b"), "max", plan), runs, [], "seed", "val/accuracy")
    record = ablation.record()
    assert record["looks"] == [3, 4, 5]
    assert [look["units"] for look in record["interim"]] == [3, 4]
    assert [look["arms"]["b"]["n"] for look in record["interim"]] == [3, 4]
