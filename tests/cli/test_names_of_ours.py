"""An option of the user's own that is named as one of ours: Hydra takes ours, so every verb refuses it."""

import shutil
from pathlib import Path

import pytest

from runner.config.options import CONF
from tests.cli.conftest import QUICK


@pytest.fixture
def mine(say):
    Path("my/model").mkdir(parents=True)
    text = (CONF / "model/mlp.yaml").read_text()
    Path("my/model/mlp.yaml").write_text(text.replace("hidden: [128]", "hidden: [3]"))
    assert Path("my/model/mlp.yaml").read_text() != text
    return "my"


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "model"],
        ["show", "model/mlp"],
        ["check"],
        [*QUICK],
        ["--cfg", "job"],
        ["--multirun", "seed=1,2"],
        ["find-lr"],
    ],
    ids=" ".join,
)
def test_every_verb(say, mine, words):
    answer = say(*words, "--config-dir", mine)
    assert (answer.code, answer.out) == (2, "")
    assert "my/model/mlp.yaml has the name of a file of ours" in answer.err
    assert "Call it my_mlp.yaml and choose it with model=my_mlp." in answer.err
    assert not Path("outputs").exists()


def test_a_run_that_recorded_such_a_folder_is_resumed_and_not_recomposed(say, mine):
    Path("my/model/mlp.yaml").rename("my/model/small.yaml")
    assert say(*QUICK, "--config-dir", mine, "model=small", "hydra.run.dir=run").code == 0
    shutil.copy("my/model/small.yaml", "my/model/cnn.yaml")
    assert say("resume", "run", "trainer.max_epochs=2").code == 0
    answer = say("rerun", "run", "model=cnn")
    assert (answer.code, "my/model/cnn.yaml has the name of a file of ours" in answer.err) == (2, True)


def test_a_copy_of_ours_is_no_clash(say, mine):
    shutil.copy(CONF / "model/mlp.yaml", "my/model/mlp.yaml")
    assert say("check", "--config-dir", mine).code == 0
    Path("my/config.yaml").write_text((CONF / "config.yaml").read_text() + "\nseed: 7\n")
    answer = say("check", "--config-dir", mine)
    assert (answer.code, "choose it with --config-name my_config" in answer.err) == (2, True)
