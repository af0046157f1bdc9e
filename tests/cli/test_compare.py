"""The verb compare."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.analysis.conftest import Maker
from tests.analysis.test_compared import A, B


@pytest.fixture
def outputs(few_runs, tmp_path):
    """Five seeds of two rates."""
    make = Maker(few_runs / "adam")
    for number, values in enumerate((A, B)):
        for seed, value in enumerate(values):
            place = tmp_path / f"outputs/runs/{number}-{seed}"
            make(place, best=value, scores={"val/accuracy": 1 - value}, seed=seed, optimizer__lr=0.1 * (number + 1))
    return tmp_path / "outputs"


def test_a_line_for_each_configuration(say, outputs):
    answer = say("compare", "outputs/runs")
    assert (answer.code, answer.err) == (0, "")
    head, *lines = answer.out.splitlines()
    assert head.split("  ")[0] == "optimizer.lr"
    assert [line.split()[:2] for line in lines[:2]] == [["0.2", "5"], ["0.1", "5"]]
    assert lines[0].endswith("better") and lines[1].endswith("baseline")
    assert lines[2] == "2 configurations of 10 runs, by val/loss (less is better)."
    assert lines[3].startswith("±: 95 % interval of the mean")
    assert lines[4].startswith("Baseline: optimizer.lr=0.1.")
    assert lines[5].startswith("Runs of a line differ in seed")


def test_several_scores_and_patterns(say, outputs):
    answer = say("compare", "outputs/runs/0-*", "outputs/runs/1-*", "--score", "val_accuracy,val/loss")
    head, first, *_ = answer.out.splitlines()
    assert head.split()[1:5] == ["n", "val/accuracy", "sd", "val/loss"]
    assert first.startswith("0.2")


def test_a_table_for_a_paper(say, outputs):
    lines = say("compare", "outputs/runs", "--markdown").out.splitlines()
    assert lines[0].startswith("| optimizer.lr | n | val/loss | sd | difference | p | verdict |")
    assert set(lines[1]) == set("| -:")
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert lines[4] == ""


def test_for_other_programs(say, outputs):
    plain = json.loads(say("compare", "outputs/runs", "--json").out)
    table = list(csv.DictReader(io.StringIO(say("compare", "outputs/runs", "--csv").out)))
    assert (plain["score"], plain["direction"], plain["baseline"]) == ("val/loss", "min", "optimizer.lr=0.1")
    for line, row in zip(plain["lines"], table):
        spread = line["scores"]["val/loss"]
        assert float(row["val/loss mean"]) == spread["mean"] == pytest.approx(sum(A if spread["mean"] > 0.5 else B) / 5)
        assert row["runs"].split() == line["runs"] and Path(line["runs"][0]).is_dir()
    assert table[0]["verdict"] == plain["lines"][0]["comparison"]["verdict"] == "better"


def test_single_runs_are_named(say, outputs):
    answer = say("compare", "outputs/runs/0-0", "outputs/runs/1-0")
    head, first, *_ = answer.out.splitlines()
    assert head.split() == ["optimizer.lr", "val/loss", "run"]
    assert first.split()[2] == "outputs/runs/1-0"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected folders of runs or sweeps"),
        (["outputs/rums"], "outputs/rums: there is no such folder. Did you mean 'runs'?"),
        (["outputs/runs", "--csv", "--json"], "--csv and --json: one of them at a time"),
        (["outputs/runs", "--score", "val/los"], "Did you mean 'val/loss'?"),
        (["outputs/runs", "--baseline", "optimizer.lr=3"], "--baseline optimizer.lr=3: no configuration is so"),
        (["outputs/runs", "--by", "x"], "--by: not known here"),
    ],
    ids=str,
)
def test_mistakes(say, outputs, words, said):
    answer = say("compare", *words)
    assert answer.code == 2
    assert said in answer.err


def test_trials_of_a_sweep_of_another_application(say, tmp_path):
    import yaml

    from tests.analysis.test_run import TRIAL
    from tests.trust.test_folders import SWEEP

    sweep = tmp_path / "sweeps/s"
    values = {"0.1": [0.3, 0.4, 0.35], "1": [0.8, 0.91, 0.84]}
    for number, (lr, repeat) in enumerate((lr, repeat) for lr in values for repeat in range(3)):
        place = sweep / f"trials/{number:04d}-x"
        place.mkdir(parents=True)
        entries = {"number": number, "repeat": repeat, "params": {"lr": lr}, "values": [values[lr][repeat]]}
        (place / "trial.json").write_text(json.dumps({**TRIAL, **entries, "started": 1e9 + number}))
    settings = {**SWEEP, "objectives": ["value"], "directions": ["maximize"]}
    (sweep / "sweep.yaml").write_text(yaml.safe_dump(settings))
    answer = say("compare", "sweeps/s")
    assert (answer.code, answer.err) == (0, "")
    head, first, _, *rest = answer.out.splitlines()
    assert head.split()[:3] == ["lr", "n", "value"]
    assert first.split()[:3] == ["1", "3", "0.8500"] and first.endswith("better")
    assert "Runs of a line are repeats" in " ".join(rest)
