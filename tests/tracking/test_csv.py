"""CSV files are those of the run, also where it goes on, and hold no secrets."""

import csv
from pathlib import Path

import pytest

from runner.run import resume

from .conftest import SMALL, result, rows, until

CHOSEN = (*SMALL, "tracking=[csv]")


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def values(folder):
    return {row["name"]: row["value"] for row in table(Path(folder, "tracking/run.csv"))}


def finished(folder):
    return until(lambda: values(folder).get("status") != "running" and values(folder))


def check_scores(folder):
    written = table(Path(folder, "tracking/scores.csv"))
    assert [{name: float(value) for name, value in row.items()} for row in written] == rows(folder)


def test_the_files_are_those_of_the_run(go, monkeypatch):
    monkeypatch.setenv("WHERE", "cpu")
    go(*CHOSEN, "optimizer=adamw", "trainer.device=${oc.env:WHERE}", "data.batch_size=full")
    found = finished("run")
    check_scores("run")
    assert found["folder"] == str(Path("run").resolve())
    assert found["status"] == "finished"
    assert (found["optimizer"], found["optimizer.weight_decay"]) == ("adamw", "0.01")
    for name, value in result("run")["test"].items():
        assert float(found[f"test/{name}"]) == value
    assert found["trainer.device"] == "${oc.env:WHERE}", "what the environment holds may be a secret"
    assert not [name for name in found if name.startswith("tracking")]


def test_a_run_that_goes_on(go):
    go(*CHOSEN)
    finished("run")
    resume("run", ["trainer.max_epochs=5"])
    until(lambda: len(table("run/tracking/scores.csv")) == 5)
    check_scores("run")


def test_a_run_that_was_not_tracked_is_told_of_later_and_the_choice_can_be_dropped(go):
    go(*SMALL)
    assert not Path("run/tracking").exists()
    resume("run", ["tracking=[csv]"])
    assert finished("run")["status"] == "finished"
    check_scores("run")
    resume("run", ["trainer.max_epochs=4", "tracking=none"])
    assert len(table("run/tracking/scores.csv")) == 3


def test_a_run_that_fails(go):
    with pytest.raises(Exception, match="non-finite"):
        go(*CHOSEN, "optimizer=sgd", "optimizer.lr=1e30", "trainer.limit_batches=null")
    assert finished("run")["status"] == "failed"
