"""The verb ablate: what it refuses, what it runs, and that a verdict does not depend on interruptions."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import stats

from runner.cli.verbs import answer

TINY = ["data=iris", "trainer.max_epochs=2", "trainer.threads=1", "model.hidden=[4]", "trainer.images=0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a key several values, the baseline first"),
        (["optimizer=adam"], "give a key several values"),
        (["optimizer=sgd,adam", "--seeds", "1"], "--seeds 1: expected a whole number of at least 3"),
        (["optimizer=sgd,adam", "--seeds", "5", "--folds", "5"], "--seeds and --folds: one of them"),
        (["optimizer=sgd,adam", "--until", "0.1"], "--until: goes with --max-seeds"),
        (["optimizer=sgd,adam", "--alpha", "2"], "--alpha 2: expected a number above 0 and below 1"),
        (["optimizer=sgd,adam", "--margin", "-1"], "--margin -1: expected a number above 0"),
        (["optimizer=sgd,adam", "--workers", "0"], "--workers 0: expected a whole number"),
        (["optimizer=sgd,sgd"], "sgd is there twice"),
        (["optimizer.lr=interval(0.1,1)"], "arms are values, not an interval"),
        (["seed=1,2"], "the runs of each arm differ in it"),
        (["optimizer=sgd,adam", "hydra.sweeper.workers=2"], "not taken here"),
        (["optimizer=sgd,adam", "--seed", "3"], "--seed"),
        (["optimizer=sdg,adam"], "Did you mean 'sgd'"),
        (["warmup=null,linear"], "expected the name of an option"),
        (["optimizer=sgd,adam", "--score", "acuracy"], "Did you mean 'accuracy'"),
        (["optimizer=sgd,adam", "--score", "accuracy", "data=diabetes"], "--score accuracy: no such score"),
        (["loss=cross_entropy,focal", "--score", "loss"], "the losses of the arms can't be compared"),
    ],
)
def test_mistakes_cost_a_second(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["ablate", *words]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def command(*words):
    return [sys.executable, "-m", "runner", "ablate", *TINY, *words]


def arms(folder):
    """What does not depend on when and where the runs were made."""
    record = json.loads((folder / "ablation.json").read_text())
    return {
        name: (arm["comparison"], {key: run["scores"]["test/accuracy"] for key, run in arm["runs"].items()})
        for name, arm in record["arms"].items()
    }


@pytest.mark.slow
def test_killed_continued_and_extended_it_says_the_same(tmp_path):
    words = ("optimizer=sgd,adam", "--seeds", "4")
    done = subprocess.run(command(*words, "--output", "whole"), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    whole = arms(tmp_path / "whole")
    assert list(whole) == ["optimizer=sgd", "optimizer=adam"]
    assert all(set(runs) == {"0", "1", "2", "3"} for _, runs in whole.values())
    for arm in whole:
        assert arm in done.stdout
    assert done.stdout.count(" baseline ") == 1
    assert (tmp_path / "whole/ablation.png").read_bytes().startswith(b"\x89PNG")

    process = subprocess.Popen(
        command(*words[:-1], "3", "--output", "cut"), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    while "completed" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    process.stdout.close()
    assert not (tmp_path / "cut/ablation.json").exists()
    until = time.monotonic() + 60
    while subprocess.run(["pgrep", "-f", str(tmp_path / "cut")], capture_output=True).returncode == 0:
        assert time.monotonic() < until
    done = subprocess.run(command(*words, "--output", "cut"), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert arms(tmp_path / "cut") == whole
    assert "a verdict was given here before" not in done.stdout
    done = subprocess.run(command(*words[:-1], "5", "--output", "cut"), cwd=tmp_path, capture_output=True, text=True)
    assert "note: a verdict was given here before, of 4 runs of each arm" in done.stdout


@pytest.mark.slow
def test_an_arm_that_fails_is_told_of_and_the_others_are_judged(tmp_path):
    words = ("optimizer.lr=0.1,1e30", "optimizer=sgd", "--seeds", "3", "--output", "here")
    done = subprocess.run(command(*words), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    bad = json.loads((tmp_path / "here/ablation.json").read_text())["arms"]["optimizer.lr=1e+30"]
    assert bad["comparison"]["scores"]["failures"] == 3
    assert "failed" in done.stdout


@pytest.mark.slow
def test_seeds_are_added_until_it_is_clear(tmp_path):
    words = ("optimizer.lr=0.3,1e-9", "optimizer=sgd", "--max-seeds", "5", "--score", "loss", "--output", "here")
    done = subprocess.run(command(*words), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "here/ablation.json").read_text())
    arm = record["arms"]["optimizer.lr=1e-09"]
    assert record["score"] == "val/loss"
    assert arm["comparison"]["verdict"] == "worse"
    assert (record["looks"], len(arm["runs"]) >= 3) == ([3, 4, 5], True)


@pytest.mark.slow
def test_folds_are_scored_where_they_were_left_out(tmp_path):
    done = subprocess.run(command("optimizer=sgd,adam", "--folds", "3", "--output", "here"), cwd=tmp_path)
    assert done.returncode == 0
    record = json.loads((tmp_path / "here/ablation.json").read_text())
    assert (record["score"], record["varied"]) == ("val/accuracy", "data.fold")
    assert record["test_to_train"] == pytest.approx(0.5, abs=0.05)
    runs = [record["arms"]["optimizer=adam"]["runs"][key]["scores"]["val/accuracy"] for key in "012"]
    base = [record["arms"]["optimizer=sgd"]["runs"][key]["scores"]["val/accuracy"] for key in "012"]
    found = record["arms"]["optimizer=adam"]["comparison"]
    differences = np.subtract(runs, base)
    assert found["difference"] == pytest.approx(differences.mean())
    error = differences.std(ddof=1) * np.sqrt(1 / 3 + record["test_to_train"])
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(differences.mean()) / error, 2))
