"""`advise` through the command line: what it prints, as a list and as JSON, and the commands it offers."""

import json
import shlex

import pytest

from runner.analysis.advice import CHECKS
from tests.cli.conftest import QUICK


@pytest.fixture
def unscaled(say):
    assert say(*QUICK, "data=wine", "data.scaling=none", "hydra.run.dir=a run").code == 0
    return say


def test_a_list_with_faults_first_and_what_to_try_last(unscaled):
    answer = unscaled("advise", "a run")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "a run: completed, 1 epoch"
    assert lines[2].startswith("FAULT  inputs          inputs are not scaled: feature 'proline' has mean 7")
    assert "docs/data.md#scaling" in lines[3]
    assert lines[-1] == "python -m runner rerun 'a run' data.scaling=standard"
    assert unscaled(*shlex.split(lines[-1])[3:], "hydra.run.dir=scaled").code == 0
    assert "FAULT  inputs" not in unscaled("advise", "scaled").out


def test_as_json(unscaled):
    told = json.loads(unscaled("advise", "a run", "--json").out)
    assert list(told["checks"]) == list(CHECKS)
    fault = told["checks"]["inputs"]
    assert fault["verdict"] == "fault"
    assert fault["evidence"]["largest"]["name"] == "proline"
    assert fault["commands"] == ["python -m runner rerun 'a run' data.scaling=standard"]


def overfitted(folder, **manifest):
    """Rewrite what a run recorded as if its validation loss had risen."""
    rows = [{"epoch": e, "step": e, "train/loss": 1 / e, "val/loss": 0.5 + 0.1 * abs(e - 3)} for e in range(1, 11)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**told, **manifest}))


def test_whether_something_helps_is_asked_of_ablate(say, tmp_path):
    assert say(*QUICK, "data=wine", "seed=3", "regularization.l2.strength=0.1", "regularization=[l2]").code == 0
    (folder,) = (tmp_path / "outputs/runs").iterdir()
    overfitted(folder)
    found = json.loads(say("advise", str(folder), "--json").out)["checks"]["generalization"]
    assert found["verdict"] == "fault"
    ask, decay, stop = map(shlex.split, found["commands"])
    assert ask[:5] == [*["python", "-m", "runner", "ablate"], "regularization=[l2],[l2,dropout],[l2,label_smoothing]"]
    assert {"data=wine", "seed=3", "regularization.l2.strength=0.1", "--seeds", "10"} <= set(ask)
    assert "regularization=[l2]" not in ask
    assert decay[3:5] == ["ablate", "optimizer.weight_decay=0,0.01"]
    assert stop[3:] == ["rerun", str(folder), "regularization=[l2,early_stopping]"]
    assert shlex.split(say("advise", str(folder)).out.splitlines()[-1]) == ask
    planned = say(*ask[3:], "--dry-run")
    assert planned.code == 0, planned.err
    assert "3 arms" in planned.out
    seeds = json.loads(say("advise", str(folder), "--json").out)["checks"]["seeds"]
    assert "`ablate`" in seeds["says"] and seeds["page"] == "docs/ablation.md"


def test_a_folder_of_somebody_else_says_neither_what_is_trusted_nor_where_things_go(say, tmp_path):
    assert say(*QUICK, "data=wine", "hydra.run.dir=run").code == 0
    overfitted(
        tmp_path / "run", overrides=["data=wine", "trusted_targets=[os]", "+hydra.run.dir=/x", "name=$(touch x)"]
    )
    ask, *_ = json.loads(say("advise", "run", "--json").out)["checks"]["generalization"]["commands"]
    assert shlex.split(ask)[5:] == ["data=wine", "name=$(touch x)", "--seeds", "10"]
    assert "'name=$(touch x)'" in ask
    overfitted(tmp_path / "run", overrides="data=wine")
    commands = json.loads(say("advise", "run", "--json").out)["checks"]["generalization"]["commands"]
    assert [shlex.split(command)[3] for command in commands] == ["rerun"]


@pytest.mark.parametrize("file", ["manifest.json", "result.json", "metrics.jsonl"])
def test_a_damaged_file_leaves_its_questions_open(unscaled, tmp_path, file):
    (tmp_path / "a run" / file).write_bytes(b"\x00{")
    assert unscaled("advise", "a run").code == 0


def test_what_is_no_run(say, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "is not a run folder" in say("advise", "empty").err
    assert say("advise").code == say("advise", "nowhere").code == say("advise", "empty", "x").code == 2
