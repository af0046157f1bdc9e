"""What holds over several data sets, of scores that can be counted by hand."""

import json

import pytest

from runner.analysis.ablation import Run
from runner.analysis.across import Across
from runner.analysis.statistics.data_sets import Estimate
from runner.analysis.statistics.sequential import Plan
from tests.analysis.ablations import ablation_of


def ablations(folder, sets, **changes):
    """Data sets of arms of scores; the runs of an arm differ in the seed."""
    found = {}
    for name, arms in sets.items():
        runs = {
            arm: {
                seed: Run(
                    f"trials/{seed}", "failed" if score is None else "completed", None, 1.0, {"test/accuracy": score}
                )
                for seed, score in enumerate(scores)
            }
            for arm, scores in arms.items()
        }
        found[name] = ablation_of(folder / name, runs, [f"data={name}"], "seed", "test/accuracy", "max", **changes)
    return found


def across(folder, sets, **changes):
    found = ablations(folder, sets, **changes)
    return Across(folder, ["data=a,b"], "accuracy", "max", list(sets), found, ["ablate"])


SETS = {
    "a": {"none": [0.50, 0.60, 0.70, 0.40], "mixup": [0.80, 0.91, 1.00, 0.70]},  # better by 0.3 each, nearly
    "b": {"none": [0.10, 0.20, 0.30, 0.25], "mixup": [0.20, 0.10, 0.25, 0.30]},  # the same numbers
}


def test_all_runs_of_all_data_sets(tmp_path):
    found = across(tmp_path, SETS)
    none, mixup = found.over_all.values()
    # Of eight runs the middle four: 0.25, 0.30, 0.40, 0.50 and 0.25, 0.30, 0.70, 0.80.
    assert none.interquartile_mean.value == pytest.approx(1.45 / 4)
    assert mixup.interquartile_mean.value == pytest.approx(2.05 / 4)
    assert mixup.interquartile_mean.low < 2.05 / 4 < mixup.interquartile_mean.high
    # On a: 0.7 beats three and ties with one, the others beat all: 15.5 of 16; on b 8 of 16.
    assert mixup.probability_of_improvement.value == pytest.approx((15.5 / 16 + 0.5) / 2)
    assert none.probability_of_improvement is None
    assert mixup.verdicts == {"better": 1, "worse": 0, "equivalent": 0, "undecided": 1}
    assert none.verdicts is None
    assert (found.thresholds[0], found.thresholds[10], found.thresholds[-1]) == pytest.approx((0.1, 0.55, 1.0))
    assert none.performance_profile[10] == 2 / 8
    assert mixup.performance_profile[10] == 4 / 8
    assert mixup.performance_profile[-1] == 0


def test_an_arm_with_more_runs_weighs_no_more(tmp_path):
    """As where seeds were added until it was clear: the first three are those that all have."""
    more = {"a": SETS["a"], "b": {"none": SETS["b"]["none"][:3], "mixup": SETS["b"]["mixup"][:3]}}
    fewer = {name: {arm: runs[:3] for arm, runs in arms.items()} for name, arms in SETS.items()}
    found = across(tmp_path, more, plan=Plan((3, 4), 0.05, None))
    assert found.n == 3
    assert found.over_all["mixup"].interquartile_mean == across(tmp_path, fewer).over_all["mixup"].interquartile_mean


def test_failed_runs_are_the_worst(tmp_path):
    sets = {**SETS, "b": {"none": SETS["b"]["none"], "mixup": [None] * 4}}
    found = across(tmp_path, sets).over_all["mixup"]
    assert found.probability_of_improvement.value == pytest.approx((15.5 / 16 + 0) / 2)
    assert found.verdicts["better"] == 1
    nothing = across(tmp_path, {"a": {"none": [None] * 3, "mixup": [None] * 3}})
    assert (nothing.thresholds, nothing.over_all["none"].interquartile_mean) == ([], Estimate(None, None, None))


def test_the_record(tmp_path):
    across(tmp_path, SETS).write()
    record = json.loads((tmp_path / "across.json").read_text())
    assert (record["score"], record["n"], record["baseline"], record["planned"]) == ("accuracy", 4, "none", ["a", "b"])
    assert record["arms"]["mixup"]["verdicts"]["better"] == 1
    assert record["data_sets"]["a"]["folder"] == "a"
    assert record["data_sets"]["a"]["arms"]["none"] is None
    assert record["data_sets"]["a"]["arms"]["mixup"]["difference"] == pytest.approx(0.3025)
