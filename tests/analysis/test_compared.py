import statistics

import pytest
from scipy.stats import t, ttest_ind, ttest_rel

from runner.analysis.compared import compared
from runner.analysis.folders import find_runs
from runner.analysis.groups import group
from runner.analysis.run import Run
from runner.errors import ConfigError
from tests.analysis.test_groups import FAILED

A = [0.50, 0.55, 0.52, 0.58, 0.51]
B = [0.41, 0.47, 0.40, 0.49, 0.42]


@pytest.fixture
def arms(make, tmp_path):
    """Runs of some learning rates, each with a list of ``val/loss`` (None: failed)."""

    def put(seed="seed", first=0, **scores):
        for number, (lr, values) in enumerate(scores.items()):
            for place, value in enumerate(values):
                entries = {"result": FAILED} if value is None else {"best": value}
                entries[seed] = place + (first if number else 0)
                make(tmp_path / f"{lr}-{place}", optimizer__lr=float(lr.removeprefix("lr")) / 1000, **entries)
        return lambda **given: compared(group([Run.read(f) for f in find_runs(tmp_path)]), **given)

    return put


def test_means_intervals_and_a_paired_comparison(arms):
    found = arms(lr1=A, lr2=B)()
    assert [line.name for line in found.lines] == ["optimizer.lr=0.002", "optimizer.lr=0.001"], "the best first"
    for line, values in zip(found.lines, (B, A)):
        spread = line.spreads["val/loss"]
        low, high = t.interval(0.95, 4, statistics.mean(values), statistics.stdev(values) / 5**0.5)
        assert (spread.mean, spread.deviation, spread.n) == (statistics.mean(values), statistics.stdev(values), 5)
        assert (spread.low, spread.high) == pytest.approx((low, high))
    (best, baseline), expected = found.lines, ttest_rel(B, A)
    assert found.baseline == "optimizer.lr=0.001", "the one that was started first"
    assert baseline.comparison is None
    assert best.comparison.verdict == "better"
    assert best.comparison.p_holm == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval()
    assert (best.comparison.low, best.comparison.high) == pytest.approx((low, high))
    assert "seed (initial weights" in found.covered and "The split of the data is the same" in found.covered


def test_one_with_too_few_runs_leaves_the_others_in_pairs(arms):
    found = arms(lr1=A, lr2=B, lr3=[0.1])()
    verdicts = {line.name[-1]: line.comparison.verdict for line in found.lines if line.comparison}
    assert verdicts == {"2": "better", "3": "too few runs"}
    better = next(line for line in found.lines if line.name[-1] == "2")
    assert better.comparison.deviation is not None, "of pairs"


def test_other_seeds_are_compared_unpaired(arms):
    found = arms(lr1=A, lr2=B, first=3)()
    comparison = found.lines[0].comparison
    assert comparison.p_holm == pytest.approx(ttest_ind(B, A, equal_var=False).pvalue)
    assert any("too few seeds in common" in note for note in found.notes)


def test_another_baseline(arms):
    compare = arms(lr1=A, lr2=B, lr3=A)
    found = compare(baseline="optimizer.lr=0.002")
    assert {line.name: line.comparison.verdict for line in found.lines if line.comparison} == {
        "optimizer.lr=0.001": "worse",
        "optimizer.lr=0.003": "worse",
    }
    folder = str(found.lines[-1].group.all[0].path)
    assert compare(baseline=folder).baseline == found.lines[-1].name
    wrong = {"optimizer.lr>0.001": "2 configurations are so", "nonsense": "no configuration", "'": "no configuration"}
    for given, said in wrong.items():
        with pytest.raises(ConfigError, match=said):
            compare(baseline=given)


def test_too_few_runs_are_not_judged(arms):
    found = arms(lr1=A[:2], lr2=B[:2])()
    assert found.baseline is None
    assert all(line.comparison is None for line in found.lines)
    assert "Too few runs for a verdict: it takes 3" in found.notes[0]


def test_single_runs_have_no_interval(arms):
    found = arms(lr1=A[:1], lr2=B[:1], lr3=[0.1])()
    assert [line.spreads["val/loss"].low for line in found.lines] == [None] * 3
    assert [line.name[-1] for line in found.lines] == ["3", "2", "1"]
    assert found.covered == ""


def test_failures_count_against(arms):
    found = arms(lr1=A, lr2=[None, None, None, *B[3:]], lr3=B)()
    line = next(line for line in found.lines if line.name == "optimizer.lr=0.002")
    assert line.spreads["val/loss"].n == 2
    assert line.comparison.scores.failures == len(line.group.failed) == 3
    assert line.comparison.verdict == "too few runs"


def test_a_configuration_of_which_all_failed_is_last(arms):
    found = arms(lr1=[None, None], lr2=B, lr3=A)()
    assert [line.name[-1] for line in found.lines] == ["2", "3", "1"]
    assert found.lines[-1].spreads["val/loss"].mean is None


@pytest.mark.parametrize("key", ["data__split_seed", "data__fold"])
def test_other_splits_widen_intervals(arms, key):
    same = arms(lr1=A, lr2=B, seed=key)()
    assert key.replace("__", ".") in same.covered and "split of the data is the same" not in same.covered
    assert any("Nadeau and Bengio" in note for note in same.notes)
    comparison = same.lines[0].comparison
    data = same.lines[0].group.all[0].manifest["data"]
    ratio = data["val"] / data["train"]
    differences = [b - a for a, b in zip(A, B)]
    error = statistics.stdev(differences) * (1 / 5 + ratio) ** 0.5
    half = t.ppf(0.975, 4) * error
    assert comparison.high - comparison.low == pytest.approx(2 * half)


def test_the_part_that_is_scored_is_the_one_that_overlaps(make, tmp_path):
    sizes = {"data": {**make.manifest["data"], "train": 60, "val": 6, "test": 30}}
    for number, values in enumerate((A, B)):
        for seed, value in enumerate(values):
            entries = {"data__split_seed": seed, "optimizer__lr": number + 1.0, "manifest": sizes}
            make(tmp_path / f"{number}-{seed}", scores={"test/loss": value}, **entries)
    found = compared(group([Run.read(f) for f in find_runs(tmp_path)], ["test/loss"])).lines[0].comparison
    error = statistics.stdev(b - a for a, b in zip(A, B)) * (1 / 5 + 30 / 60) ** 0.5
    assert found.high - found.low == pytest.approx(2 * t.ppf(0.975, 4) * error)


def test_a_score_without_a_direction_is_neither_sorted_nor_compared(make, tmp_path):
    for number, values in enumerate((A, B)):
        for seed, value in enumerate(values):
            make(tmp_path / f"{number}-{seed}", seed=seed, optimizer__lr=number + 1.0, scores={"val/own": value})
    found = compared(group([Run.read(f) for f in find_runs(tmp_path)], ["val/own"]))
    assert found.baseline is None
    assert "Nothing says whether less or more of val/own is better" in found.notes[0]
    assert [line.name for line in found.lines] == ["optimizer.lr=1.0", "optimizer.lr=2.0"]
