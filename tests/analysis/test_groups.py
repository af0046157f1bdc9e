import json

import pytest

from runner.analysis.folders import find_runs
from runner.analysis.groups import group
from runner.analysis.run import Run
from runner.errors import ConfigError

NOTHING = dict.fromkeys(("best_epoch", "best_value", "train", "val", "test"))
FAILED = {"status": "failed", "cause": "it broke", **NOTHING}


@pytest.fixture
def grouped(make, tmp_path):
    """Groups of runs with these settings and scores, in the order in which they were started."""

    def put(*settings, scores=()):
        for number, entries in enumerate(settings):
            make(tmp_path / f"{number:02d}", **entries)
        return group([Run.read(folder) for folder in find_runs(tmp_path)], scores)

    return put


def test_runs_that_differ_in_the_seed_alone_are_one(grouped):
    found = grouped(
        {"best": 1.0, "seed": 0},
        {"best": 2.0, "seed": 1},
        {"best": 3.0, "seed": 0, "optimizer__lr": 0.1},
        {"best": 4.0, "seed": 0, "data__split_seed": 3},
    )
    assert [list(g.values("val/loss").values()) for g in found.groups] == [[1.0, 2.0, 4.0], [3.0]]
    assert found.columns == ["optimizer.lr"]
    assert found.varied == ["seed", "data.split_seed"]
    assert (found.scores, found.directions) == (["val/loss"], ["min"])


def test_where_it_was_run_makes_no_other_configuration(grouped):
    places = [
        {"name": "other"}, {"trainer__threads": 7}, {"trainer__device": "cuda"}, {"data__num_workers": 3},
        {"tracking": {"csv": {"_target_": "x"}}}, {"trainer__log_every": 1}, {"trainer__checkpoint": {"keep_top": 3}},
        {"data__path": "/there/t.csv"}, {"data__root": "/there"},
    ]  # fmt: skip
    found = grouped({}, *({**place, "seed": number} for number, place in enumerate(places, 1)))
    assert len(found.groups) == 1 and len(found.groups[0].runs) == len(places) + 1


def test_what_trains_otherwise_is_another_configuration(grouped):
    found = grouped({}, {"trainer__max_epochs": 7}, {"trainer__precision": "bf16"}, {"data__folds": 3}, {"mode": "min"})
    assert len(found.groups) == 5
    assert set(found.columns) == {"trainer.max_epochs", "trainer.precision", "data.folds", "mode"}


def test_what_an_options_name_says_is_no_column(few_runs, make, tmp_path):
    real = [Run.read(few_runs / name) for name in ("adam", "adam-1", "sgd")]
    found = group(real)
    assert found.columns == ["optimizer"]
    assert sorted(len(g.runs) for g in found.groups) == [1, 2]
    set_by_hand = Run.read(make(tmp_path / "faster", optimizer__lr=0.5))
    assert group([*real[2:], set_by_hand]).columns == ["optimizer", "optimizer.lr"]


def test_techniques_and_their_values(grouped):
    smoothing = {"_target_": "runner.regularization.label_smoothing.LabelSmoothing", "epsilon": 0.1}
    found = grouped({}, {"regularization": {"label_smoothing": smoothing}})
    assert found.columns == ["regularization"]
    assert [g.settings["regularization"] for g in found.groups] == ["none", "label_smoothing"]


def test_values_of_a_technique(grouped):
    smoothing = {"_target_": "runner.regularization.label_smoothing.LabelSmoothing", "epsilon": 0.1}
    found = grouped(
        {},
        {"regularization": {"label_smoothing": {**smoothing, "epsilon": 0.3}}},
        {
            "regularization": {"label_smoothing": smoothing},
        },
    )
    assert found.columns == ["regularization", "regularization.label_smoothing.epsilon"]


def test_runs_of_before_a_setting_was_added_are_told_apart(grouped):
    found = grouped({}, {"trainer__new": 3})
    assert found.columns == ["trainer.new"]


def test_the_same_run_made_twice_counts_once(grouped):
    found = grouped({"best": 1.0}, {"best": 1.0}, {"best": 5.0, "seed": 1})
    assert list(found.groups[0].values("val/loss").values()) == [1.0, 5.0]
    assert "1 run of a configuration and seed that a later one has too" in found.notes[0]


def test_of_two_the_one_that_was_started_later_counts(make, tmp_path):
    make(tmp_path / "b-first", best=1.0)
    make(tmp_path / "a-later", best=2.0)
    make(tmp_path / "0-last", best=3.0, optimizer__lr=0.5)
    one, other = group([Run.read(folder) for folder in find_runs(tmp_path)]).groups
    assert list(one.values("val/loss").values()) == [2.0]
    assert list(other.values("val/loss").values()) == [3.0], "by their start and not by their names"


def test_failures_are_counted_and_the_unfinished_left_out(grouped):
    going = {"result": {"status": "interrupted"}}
    found = grouped({"best": 1.0}, {"seed": 1, "result": FAILED}, {"seed": 2, **going}, {"seed": 0, "result": FAILED})
    (one,) = found.groups
    assert list(one.values("val/loss").values()) == [None, 1.0], "the seed that completed is no failure"
    assert [run.path.name for run in one.failed.values()] == ["01"]
    assert found.notes[0] == "Left out: 1 interrupted."


def test_scores_and_directions(grouped):
    found = grouped({"scores": {"val/accuracy": 0.5}}, scores=["val/accuracy", "test/loss", "samples_per_second"])
    assert found.directions == ["max", "min", "max"]


@pytest.mark.parametrize(
    ("settings", "scores", "said"),
    [
        ([{}, {"manifest": {"task": "regression"}}], (), "different task (classification and regression)"),
        ([{}, {"manifest": {"data": {"fingerprint": "f"}}}], (), "different data (iris and iris of other content)"),
        ([{}, {"monitor": "val/f1", "result": {"monitor": "val/f1"}}], (), "Say which score counts: --score NAME"),
        ([{}], ["val/acuracy"], "no run has such a score. Did you mean 'val/accuracy'?"),
        ([{"result": FAILED}], (), "no run has completed (1 run failed)"),
        ([{"result": {"status": "interrupted"}}], (), "no run has completed (1 interrupted)"),
    ],
)
def test_what_cannot_be_compared_is_refused(grouped, settings, scores, said):
    with pytest.raises(ConfigError) as error:
        grouped(*settings, scores=scores)
    assert said in str(error.value)


def test_trials_of_another_application_are_not_compared_with_runs(make, tmp_path):
    make(tmp_path / "ours")
    other = tmp_path / "trials/0000-x"
    other.mkdir(parents=True)
    trial = {"status": "completed", "params": {"lr": "1"}, "config": {"lr": 1}, "values": [1.0], "scores": {"a": 1.0}}
    (other / "trial.json").write_text(json.dumps(trial))
    with pytest.raises(ConfigError, match="some of these are trials of another application"):
        group([Run.read(folder) for folder in find_runs(tmp_path)])


def test_a_score_that_only_some_runs_have(grouped):
    found = grouped({}, {"seed": 1, "scores": {"val/mine": 0.5}}, scores=["val/mine"])
    assert list(found.groups[0].values("val/mine").values()) == [0.5]


def test_other_code_and_another_torch_are_told(grouped):
    found = grouped(
        {"manifest": {"git": {"commit": "a"}, "packages": {"torch": "2.9"}}},
        {"seed": 1, "manifest": {"git": {"commit": "b"}, "packages": {"torch": "2.15"}}},
    )
    assert "2 commits" in found.notes[0] and "torch 2.15 and 2.9" in found.notes[1]


def test_a_configuration_that_cannot_be_read_is_left_out(make, tmp_path):
    make(tmp_path / "a")
    (make(tmp_path / "b") / "config.yaml").write_text("a: [")
    found = group([Run.read(folder) for folder in find_runs(tmp_path)])
    assert len(found.groups) == 1
    assert "1 without a configuration that can be read" in found.notes[0]


def test_what_was_made_of_a_network_is_a_column_also_where_nothing_was(grouped):
    found = grouped({}, {"variant": {"verb": "quantize", "method": "static", "examples": 256}})
    assert found.columns == ["variant.verb", "variant.method", "variant.examples"]
    assert len(found.groups) == 2
