"""Sweeps over real runs of ours, by the protocol. Pictures have tests of their own; here they would cost seconds."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from runner.config.options import CONF
from tests.cli.conftest import say as say

APP = Path(__file__).parents[1] / "apps" / "train.py"
ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


def sweep(folder, *overrides):
    command = [sys.executable, str(APP), "-m", f"hydra.sweep.dir={folder}", "hydra.sweeper.plots=false", "data=iris"]
    return subprocess.run([*command, *overrides], capture_output=True, text=True, env=ENV)


@pytest.mark.slow
def test_asha_over_real_runs(tmp_path):
    rates = "optimizer.lr=0.01,0.003,0.001,1e-4,1e-5,1e-6"
    pruner = "hydra.sweeper.pruner={name: asha, max_epochs: 6}"
    done = sweep(tmp_path, "hydra/sweeper=grid", rates, pruner, "trainer.max_epochs=6", "hydra.sweeper.workers=2")
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {r["status"] for r in rows} <= {"completed", "pruned"}
    result = json.loads((tmp_path / "result.json").read_text())
    best = json.loads((tmp_path / rows[result["tested"]]["folder"] / "result.json").read_text())
    assert result["best"][0]["val/loss"] == best["best_value"]
    assert set(result["test"]) >= {"loss", "accuracy"}
    for row in rows:
        run = json.loads((tmp_path / row["folder"] / "result.json").read_text())
        assert run["status"] == row["status"]
        assert run["test"] is None, "a trial looked at the test split"


@pytest.fixture
def dry(say):
    """Look at a sweep without starting it."""
    return partial(say, "check", "--multirun")


@pytest.mark.long
def test_a_value_of_a_searched_group_means_when_selected(dry):
    done = dry("regularization=none,dropout,[mixup,dropout]", "regularization.dropout.p=0.1,0.3", "optimizer=sgd,adam")
    assert "regularization.dropout.p: 0.1,0.3   when regularization=dropout" in done.out, done.err
    assert "points: 10 of 10" in done.out
    done = dry("optimizer=adam,momentum", "optimizer.dampening=0.1")  # fixed, and not the default's
    points = [line.strip() for line in done.out.splitlines() if line.startswith("  ")]
    assert points == ["optimizer=adam", "optimizer=momentum optimizer.dampening=0.1"], done.err
    done = dry("hydra/sweeper=random", "space=regularization_strength", "regularization.dropout.p=0.2")
    assert "regularization.dropout.p: 0.2   when regularization=dropout" in done.out, done.err
    for overrides, message in [
        (["optimizer=adam,momentum", "optimizer.dampenning=0.1"], "Did you mean 'dampening'?"),
        (["optimizer=adam,momentum", "optimizer.dampening=fast"], "expected a number"),
        (["regularization=none,dropout", "regularization.mixup.alpha=0.1"], "no key 'mixup' with any of"),
    ]:
        done = dry(*overrides)
        assert done.code == 2, done.out
        assert message in done.err


@pytest.mark.slow
def test_a_score_that_a_technique_reports_can_be_searched_for(tmp_path):
    goal = ("diagnostics=[overfitting]", "hydra.sweeper.objectives=[overfitting/gap]", "trainer.max_epochs=3")
    done = sweep(tmp_path, "optimizer=sgd,adam", *goal)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        run = json.loads((tmp_path / row["folder"] / "result.json").read_text())
        lines = map(json.loads, (tmp_path / row["folder"] / "metrics.jsonl").open())
        gaps = {line["epoch"]: line["overfitting/gap"] for line in lines}
        assert float(row["overfitting/gap"]) == gaps[run["best_epoch"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data=iris,diabetes", "hydra.sweeper.objectives=[val/accuracy]"], "data=diabetes: .*no such score"),
        (["monitor=val/loss,val/accuracy"], "monitor=val/accuracy: searches to maximize val/accuracy, other trials to"),
        (["mode=min,max", "hydra.sweeper.objectives=[val/loss]"], r"'hydra.sweeper.directions=\[minimize\]'"),
    ],
)
def test_every_trial_must_report_what_is_searched_for(dry, overrides, message):
    done = dry(*overrides)
    assert done.code == 2, done.out
    assert re.search(message, done.err)


@pytest.mark.slow
def test_repeats_over_folds_are_a_cross_validation(tmp_path):
    words = ["data.folds=3", "hydra.sweeper.repeats=3", "hydra.sweeper.repeat_key=data.fold", "trainer.max_epochs=2"]
    done = sweep(tmp_path, "optimizer=sgd,adam", *words)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = {}
    for row in rows:
        config = (tmp_path / row["folder"] / "config.yaml").read_text()
        fold = int(row["number"]) % 3
        assert f"fold: {fold}\n" in config
        scores.setdefault(row["optimizer"], []).append(float(row["val/loss"]))
    means = {name: sum(values) / 3 for name, values in scores.items()}
    best = json.loads((tmp_path / "result.json").read_text())["best"][0]
    assert best["val/loss"] == pytest.approx(min(means.values()))
    assert best["overrides"] == [f"optimizer={min(means, key=means.get)}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["hydra.sweeper.repeat_key=data.fold", "data.folds=2"], "there is no such fold"),
        (["hydra.sweeper.repeat_key=data.fod"], "there is no such key"),
        (["hydra.sweeper.repeat_key=monitor"], "it is val/loss"),
        (["seed=1,2"], "counted by hydra.sweeper.repeats"),
    ],
)
def test_repeats_that_can_not_be_told_apart(dry, overrides, message):
    done = dry("optimizer=sgd,adam", "hydra.sweeper.repeats=3", *overrides)
    assert done.code == 2, done.out
    assert message in done.err


@pytest.mark.long
def test_ready_spaces_can_be_reached(dry):
    for path in sorted((CONF / "space").glob("*.yaml")):
        done = dry("hydra/sweeper=random", f"space={path.stem}", "data=iris")
        assert done.code == 0, f"{path.stem}: {done.err}"
        assert "objectives: minimize val/loss" in done.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer=adam,sgdd", "there is no optimizer=sgdd. Did you mean 'sgd'?"),
        pytest.param("optimizer.lr=0.1,-1", "optimizer.lr=-1", marks=pytest.mark.long),
        ("hydra.sweeper.objectives=val/acuracy", "Did you mean 'val/accuracy'?"),
    ],
)
def test_mistakes_cost_a_second(tmp_path, override, message):
    done = sweep(tmp_path, "hydra/sweeper=grid", override, "model.dropout=0,0.1")
    assert done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("trials/*"))
