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


@pytest.mark.parametrize("file", ["manifest.json", "result.json", "metrics.jsonl"])
def test_a_damaged_file_leaves_its_questions_open(unscaled, tmp_path, file):
    (tmp_path / "a run" / file).write_bytes(b"\x00{")
    assert unscaled("advise", "a run").code == 0


def test_what_is_no_run(say, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "is not a run folder" in say("advise", "empty").err
    assert say("advise").code == say("advise", "nowhere").code == say("advise", "empty", "x").code == 2
