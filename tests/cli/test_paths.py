"""Names of files and folders that mean something to a shell, to Hydra, to YAML or to OmegaConf."""

import json
import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from runner.cli.hydra import quoted
from runner.config.compose import Command
from tests.run.conftest import QUICK, write_table

NAMES = ["lr=0.1", "a b", "a,b", "it's", 'q"q', "-x", "é", "$HOME", "{a}", "#x", "new\nline", "a${b}", "[1]", "a\\b'"]
NAMES += ["100%", "~x", "x" * 200, "a=b/c=d", "a: b", "null", "1e5", "(x)"]


@pytest.mark.parametrize("name", NAMES)
def test_hydra_gives_back_what_is_quoted(name):
    value = Command([f"key={quoted(name)}"]).parsed[0].value()
    assert OmegaConf.create({"key": value}).key == name


def test_a_folder_that_hydra_would_take_for_a_reference_is_refused(say):
    answer = say(*QUICK, "data=iris", f"hydra.run.dir={quoted('a${b}/run')}")
    assert (answer.code, "takes ${ in the name of a folder for a reference" in answer.err) == (2, True)
    assert os.listdir() == []


# Seven commands each: what does not get in each other's way stands in one name.
TOGETHER = ["lr=0.1 a,b", "it's q\"q #x", "-x $HOME {a}", "new\nline [1]", "a\\b' é (x)", "100% ~x", "a=b/c=d: e"]


@pytest.mark.parametrize("name", [TOGETHER[0], *(pytest.param(n, marks=pytest.mark.long) for n in TOGETHER[1:])])
def test_a_run_in_a_folder_of_any_name_on_data_of_any_name(say, name):
    Path(name).mkdir(parents=True)
    write_table(f"{name}/{Path(name).name}.csv")
    data = f"data.path={quoted(f'./{name}/{Path(name).name}.csv')}"
    given = f"./{name}/run" if name[0] == "-" else f"{name}/run"
    run = [*QUICK, "data=csv", data, "data.target=label", "trainer.max_epochs=1"]
    answer = say(*run, f"hydra.run.dir={quoted(given)}")
    assert answer.code == 0, answer.err
    for words in (
        ["resume", given, "trainer.max_epochs=2"],
        ["evaluate", given],
        ["evaluate", given, data],
        ["predict", given, f"./{name}/{Path(name).name}.csv", "--output", f"{name}/out.csv"],
        ["rerun", given, f"hydra.run.dir={quoted(f'{given}-again')}"],
        ["resume", os.path.abspath(f"{given}-again"), "trainer.max_epochs=3"],
    ):
        answer = say(*words)
        assert answer.code == 0, (words, answer.err)
    assert json.loads(Path(f"{given}-again/result.json").read_text())["epochs"] == 3
