"""Ensembles are what averages, votes and folds are by definition, whoever made the members and wherever they lie."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from sklearn.metrics import log_loss, r2_score

from runner.analysis.ensemble.build import build, gain
from runner.cli.verbs import answer
from runner.errors import ConfigError
from runner.run import evaluate_run, load
from runner.run.assembly import load_data

SEEDS = ("seed0", "seed1", "seed2")
FOLDS = ("fold0", "fold1", "fold2")


def raw(network, rows):
    """Rows in the form that a network of a table takes."""
    return pl.DataFrame(rows, schema=list(network.transform.feature_names), orient="row")


def numbers(rows, prefix):
    return np.array([[value for name, value in row.items() if name.startswith(prefix)] for row in rows])


@pytest.mark.parametrize("weights", ["equal", "validation"])
def test_probabilities_are_the_weighted_mean_of_what_the_members_predict(home, weights):
    folder, result = build(SEEDS, weights)
    both, members = load(folder), [load(name) for name in SEEDS]
    rows = raw(both, load_wine().data[::7])
    shares = [member["weight"] for member in result["members"]]
    each = [numbers(member.predict(rows), "probability_") for member in members]
    wanted = np.average(each, axis=0, weights=shares)
    assert numbers(both.predict(rows), "probability_") == pytest.approx(wanted, abs=1e-6)
    names = both.task.class_names
    assert [row["prediction"] for row in both.predict(rows)] == [names[c] for c in wanted.argmax(1)]


def test_scores_are_those_of_the_average_on_the_same_examples(home):
    folder, result = build(SEEDS)
    members = [load(name) for name in SEEDS]
    data = load_data(members[0].recipe)
    for split in ("val", "test"):
        batch = data.parts[split].read(torch.arange(len(data.parts[split])))
        each = np.stack([member.task.probabilities(member.outputs(batch)).numpy() for member in members])
        each = each.astype(float) / each.astype(float).sum(2, keepdims=True)
        mean, truth = each.mean(0), batch.targets.numpy()
        assert result[split]["loss"] == pytest.approx(log_loss(truth, mean, labels=[0, 1, 2]), rel=1e-5)
        assert result[split]["accuracy"] == pytest.approx((mean.argmax(1) == truth).mean())
        assert evaluate_run(folder, split) == pytest.approx(result[split])
        own = [log_loss(truth, p, labels=[0, 1, 2]) for p in each]
        assert [member[split]["loss"] for member in result["members"]] == pytest.approx(own, rel=1e-5)
        told = result["gain"][split]["loss"]
        assert told["over_best"] == pytest.approx(min(own) - result[split]["loss"], abs=1e-5)
        assert told["over_mean"] == pytest.approx(np.mean(own) - result[split]["loss"], abs=1e-5)
        assert told["over_mean"] > 0  # Jensen: the mean of convex losses is above the loss of the mean


def test_a_vote_is_that_of_most_members(home):
    folder, result = build(SEEDS, vote=True)
    rows = raw(load(folder), load_wine().data)
    votes = np.array([[int(r["prediction"][-1]) for r in load(name).predict(rows)] for name in SEEDS])
    wanted = np.array([np.bincount(column, minlength=3).argmax() for column in votes.T])
    assert [int(row["prediction"][-1]) for row in load(folder).predict(rows)] == wanted.tolist()
    shares = numbers(load(folder).predict(rows), "probability_")
    assert shares == pytest.approx(np.stack([np.bincount(c, minlength=3) / 3 for c in votes.T]), abs=1e-6)
    assert "loss" not in result["val"]


def test_fitted_weights_are_shares_that_are_never_worse_than_the_best_member_on_validation(home):
    _, result = build(SEEDS, "validation")
    shares = [member["weight"] for member in result["members"]]
    assert min(shares) >= 0
    assert sum(shares) == pytest.approx(1)
    assert result["gain"]["val"]["loss"]["over_best"] >= -1e-6


def test_labels_are_averaged_each_by_itself(home):
    folder, result = build(["label0", "label1"], "validation")
    rows = pl.DataFrame({"x": [0.5, -1.0], "y": [0.1, 0.2], "z": [-1.0, 2.0]})
    each = [numbers(load(name).predict(rows), "probability_") for name in ("label0", "label1")]
    shares = [member["weight"] for member in result["members"]]
    wanted = np.average(each, axis=0, weights=shares)
    assert numbers(load(folder).predict(rows), "probability_") == pytest.approx(wanted, abs=1e-6)
    assert result["gain"]["val"]["loss"]["over_best"] >= -1e-6


def test_values_of_folds_are_averaged_in_their_units(home):
    folder, result = build(FOLDS)
    members = [load(name) for name in FOLDS]
    assert len({member.spec.targets.mean for member in members}) == 3  # each fold has statistics of its own
    names = members[0].transform.feature_names
    table = load_diabetes(scaled=False, as_frame=True).data[list(names)]
    rows = pl.DataFrame({name: table[name].to_numpy() for name in names})
    each = np.stack([numbers(member.predict(rows), "prediction") for member in members])
    assert numbers(load(folder).predict(rows), "prediction") == pytest.approx(each.mean(0), rel=1e-6)
    assert evaluate_run(folder, "test") == pytest.approx(result["test"])


def test_each_row_is_predicted_out_of_fold_by_the_member_that_was_not_trained_on_it(home):
    folder, result = build(FOLDS)
    rows = list(csv.DictReader((folder / "out_of_fold.csv").open()))
    wanted, truth = [], []
    for number, name in enumerate(FOLDS):  # what sklearn's cross_val_predict does: each fold by the model without it
        network = load(name)
        data = load_data(network.recipe)
        part = data.parts["val"]
        batch = part.read(torch.arange(len(part)))
        mean, std = (np.array(told) for told in (network.spec.targets.mean, network.spec.targets.std))
        wanted.append(network.outputs(batch).double().numpy() * std + mean)
        truth.append(batch.targets.double().numpy() * std + mean)
        assert [int(row["example"]) for row in rows if row["fold"] == str(number)] == list(range(len(part)))
    wanted, truth = np.concatenate(wanted), np.concatenate(truth)
    told = np.array([[float(value) for key, value in row.items() if key.startswith("prediction")] for row in rows])
    assert told == pytest.approx(wanted, rel=1e-5)
    assert len(told) == sum(load(FOLDS[0]).sizes[part] for part in ("train", "val"))
    assert sorted(truth[:, 0]) == pytest.approx(sorted(load_diabetes().target[_pool(home)]), abs=1e-3)
    assert result["val"]["r2"] == pytest.approx(r2_score(truth, wanted), abs=1e-4)
    assert evaluate_run(folder, "val") == pytest.approx(result["val"])
    assert "val" not in result["gain"]


def _pool(home):
    """Rows outside of the test part."""
    from runner.data.parts.split import plain

    parts = plain(442, (0.7, 0.15, 0.15), 0)
    return np.concatenate([parts.train, parts.val])


def test_some_folds_cover_their_rows_only(home):
    folder, _ = build(["fold0", "fold2"])
    rows = list(csv.DictReader((folder / "out_of_fold.csv").open()))
    assert {row["fold"] for row in rows} == {"0", "2"}


def test_snapshots_of_one_run(home):
    folder, result = build(["snapshots"], snapshots=True)
    assert [Path(member["member"]).name for member in result["members"]] == [f"snapshot-{n:02d}.pt" for n in (1, 2, 3)]
    recorded = json.loads(Path("snapshots/result.json").read_text())
    assert result["test"]["loss"] == pytest.approx(recorded["test"]["ensemble_loss"], rel=1e-5)
    assert result["test"]["accuracy"] == pytest.approx(recorded["test"]["ensemble_accuracy"])
    assert evaluate_run(folder, "test") == pytest.approx(result["test"])


def test_one_member_and_equal_members_change_nothing(home):
    alone = evaluate_run("seed0", "test")
    for words in (["seed0"], ["seed0", "seed0/checkpoints/best.pt"]):
        for weights in ("equal", "validation"):
            _, result = build(words, weights)
            assert result["test"] == pytest.approx(alone, rel=1e-5)
            assert result["gain"]["test"]["accuracy"] == {"over_best": 0.0, "over_mean": 0.0}


def test_the_folder_may_move_and_its_members_go(home, tmp_path, monkeypatch):
    shutil.copytree("seed0", "gone")
    folder, _ = build(["gone", "seed1"])
    rows = raw(load("seed1"), load_wine().data[:5])
    before = load(folder).predict(rows)
    shutil.rmtree("gone")
    shutil.move(folder, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert load("moved").predict(rows) == before
    manifest = json.loads(Path("moved/manifest.json").read_text())
    assert [Path(member["path"]).parts[0] for member in manifest["members"]] == ["gone", "seed1"]
    assert all(len(member["sha256"]) == 64 for member in manifest["members"])


@pytest.mark.parametrize(
    ("words", "options", "says"),
    [
        (["seed0", "iris"], {}, "iris: its fingerprint of the data is "),
        (["seed0", "fold0"], {}, "fold0: its task is regression, and that of seed0 is classification"),
        (["seed0", "split"], {}, "split: its data.split_seed is 1, and that of seed0 is 0"),
        (["seed0", "logits"], {}, "logits: its link of the outputs is sigmoid, and that of seed0 is softmax"),
        (["seed0", "fold0/nothing"], {}, "nothing: there is no such folder"),
        (["labels.csv"], {}, "neither a run nor a sweep lies there"),
        (["seed0"], {"snapshots": True}, "there are no snapshots in it"),
        (["fold0", "fold1"], {"vote": True}, "regression tells no class"),
        (["fold0", "fold1"], {"weights": "validation"}, "trained on the validation examples of the others"),
    ],
)
def test_what_does_not_go_together_is_refused(home, words, options, says):
    with pytest.raises(ConfigError, match=says):
        build(words, **options)


def test_an_ensemble_is_no_member_nor_a_run_to_be_repeated(home, capsys):
    folder, _ = build(["seed0", "seed1"])
    with pytest.raises(ConfigError, match="is an ensemble itself"):
        build(["seed0", str(folder / "checkpoints/best.pt")])
    for verb in ("rerun", "resume", "advise"):
        assert answer([verb, str(folder)]) == 2
        assert "is that of an ensemble" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["detection", "sequence"])
def test_tasks_without_an_average_say_why(task):
    from types import SimpleNamespace

    from runner.analysis.ensemble.agreement import check
    from runner.task import task_named

    kind = task_named(task)
    assert kind.no_average
    with pytest.raises(ConfigError, match=f"run: {task} has no ensemble: {kind.no_average}"):
        check(["run"], [SimpleNamespace(task=SimpleNamespace(no_average=kind.no_average, name=task))])


def test_gain_is_positive_where_it_is_better():
    told = gain(
        {"loss": 1.0, "f1": 0.5, "x": 1.0},
        [{"loss": 2.0, "f1": 0.7}, {"loss": 1.5, "f1": 0.1}],
        {"loss": "min", "f1": "max"},
    )
    assert told == {
        "loss": {"over_best": 0.5, "over_mean": 0.75},
        "f1": {"over_best": pytest.approx(-0.2), "over_mean": pytest.approx(0.1)},
    }
    assert math.isnan(gain({"a": math.nan}, [{"a": 1.0}], {"a": "max"})["a"]["over_best"])


def test_through_the_command_line(home, capsys):
    assert answer(["ensemble", *SEEDS, "--weights", "validation"]) == 0
    printed = capsys.readouterr()
    folder = printed.out.splitlines()[-1].removeprefix("ensemble: ")
    assert "gain over the best member" in printed.out
    Path("rows.csv").write_text(
        ",".join(load(folder).transform.feature_names) + "\n" + ",".join(map(str, load_wine().data[0])) + "\n"
    )
    assert answer(["predict", folder, "rows.csv"]) == 0
    assert answer(["evaluate", folder, "--split", "val"]) == 0
    for words in (("--weights", "equl"), ("--vote", "--weights", "validation"), ("--x",), ("seed=3",)):
        assert answer(["ensemble", "seed0", *words]) == 2
    assert answer(["ensemble"]) == 2


OTHERS = {
    "segmentation": ("data=digit_composites", "data.batch_size=8", "model=unet", "model.channels=4", "model.depth=2"),
    "tokens": ("data=python_source", "model=gru", "model.hidden=8"),
    "forecasting": ("data=membrane", "model.hidden=[4]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", OTHERS)
def test_every_task_that_has_an_average(task, tmp_path, monkeypatch):
    from runner.run import compose, run

    monkeypatch.chdir(tmp_path)
    few = ("trainer.threads=1", "trainer.images=0", "trainer.max_epochs=1", "trainer.limit_batches=3")
    for seed in (0, 1):
        words = [*few, *OTHERS[task], f"seed={seed}"]
        run(compose(words), Path(f"sweep/trials/{seed}"), overrides=words)
    folder, result = build(["sweep"], "validation")
    assert folder.name.endswith("_sweep-2")
    assert sum(member["weight"] for member in result["members"]) == pytest.approx(1)
    assert result["gain"]["val"]["loss"]["over_best"] >= -1e-6
    assert evaluate_run(folder, "test") == pytest.approx(result["test"], rel=1e-4)
