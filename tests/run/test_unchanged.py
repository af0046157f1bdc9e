"""Changed data are refused wherever a run goes on, is judged or is compared, and the folder stays as it was."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from runner.cli.verbs import answer
from runner.engine.progress import Progress
from runner.errors import ConfigError
from runner.run import evaluate_run, resume
from tests.cli.conftest import Answer
from tests.run.conftest import TABLE, write_table


def files(folder):
    """The content of every file in a folder."""
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def manifest(folder="run"):
    return json.loads(Path(folder, "manifest.json").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a completed run on ``table.csv``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("trained"))
        write_table()
        words = [*TABLE, "trainer.max_epochs=2", "trainer.checkpoint.every_epochs=1", "hydra.run.dir=run"]
        assert answer(words) == 0
        return Path.cwd()


@pytest.fixture
def done(say, trained, tmp_path):
    """A completed run on ``table.csv``, of the test's own."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)


CHANGES = {
    "rows": (lambda: write_table(rows=140), "train had 84 examples and has 98; val had 18 examples and has 21"),
    "values": (lambda: write_table(seed=1), "as many examples as before, with other content"),
    "classes": (lambda: write_table(classes=("no", "yes", "maybe")), "the targets were class of 2 and are class of 3"),
    "names": (lambda: write_table(classes=("no", "ja")), "no 'yes' among the targets; 'ja' new among the targets"),
    "column": (lambda: write_table().drop("size").write_csv("table.csv"), "no 'size' among the inputs"),
}
FIT = ("rows", "values", "names")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "command",
    [["resume", "run", "trainer.max_epochs=3"], ["resume", "run", "--from", "epoch-0001"], ["evaluate", "run"]],
    ids=["resume", "from", "evaluate"],
)
def test_changed_data_are_refused_or_allowed(say, done, command, change):
    alter, differs = CHANGES[change]
    alter()
    before = files("run")
    said = say(*command)
    assert said.code == 2 and said.err.count("\n") == 1, said
    assert said.err.startswith("error: The data have changed since this run was started: ")
    assert differs in said.err and "--allow-changed-data" in said.err
    assert files("run") == before
    allowed = say(*command, "--allow-changed-data")
    if change in FIT:
        assert allowed.code == 0, allowed
        note = manifest()["evaluated_on_changed_data" if command[0] == "evaluate" else "resumed_with_changed_data"]
        assert differs in note and "fingerprint" in note
        assert command[0] == "evaluate" or say("resume", "run", "trainer.max_epochs=4").code == 0  # it is theirs now
    else:
        assert allowed.code == 2 and "does not fit these" in allowed.err and allowed.err.count("\n") == 1
        assert files("run") == before


def test_a_balanced_training_part_is_compared_as_it_was_before(say, table):
    words = [*TABLE, "balance=oversampling", "trainer.max_epochs=1", "hydra.run.dir=run"]
    assert say(*words).code == 0
    sizes = torch.load("run/checkpoints/last.pt", weights_only=True)["data"]["sizes"]
    assert sizes == {"train": 84, "val": 18, "test": 18}
    assert manifest()["data"]["train"] > 84  # what was trained with
    write_table(seed=1)
    for command, note in (("evaluate", "evaluated_on_changed_data"), ("resume", "resumed_with_changed_data")):
        more = () if command == "evaluate" else ("trainer.max_epochs=2",)
        assert say(command, "run", *more, "--allow-changed-data").code == 0
        assert manifest()[note].startswith("as many examples as before, with other content (")


def test_a_table_that_can_not_be_read_any_more_leaves_the_run_as_it_was(say, done):
    before = files("run")
    Path("table.csv").write_text("size,colour,t,label\n1,red,0,yes\n")
    assert say("resume", "run", "trainer.max_epochs=3").code == 1
    Path("table.csv").unlink()
    assert say("resume", "run", "trainer.max_epochs=3").code == 2
    assert files("run") == before


def test_a_table_that_was_only_touched_is_the_same(say, done):
    content = Path("table.csv").read_bytes()
    Path("table.csv").unlink()
    Path("table.csv").write_bytes(content)
    os.utime("table.csv", (0, 0))
    assert say("evaluate", "run").code == 0
    assert say("resume", "run", "trainer.max_epochs=3").code == 0
    assert "resumed_with_changed_data" not in manifest()


def test_a_table_that_was_moved_is_the_same(say, done):
    Path("data").mkdir()
    shutil.move("table.csv", "data/moved.csv")
    assert "no such file" in say("evaluate", "run").err
    scores = say("evaluate", "run", "data.path=data/moved.csv")
    assert scores.code == 0, scores
    assert say("resume", "run", "trainer.max_epochs=3", "data.path=data/moved.csv").code == 0
    assert "resumed_with_changed_data" not in manifest()
    assert say("evaluate", "run").code == 0  # its checkpoints know by now
    write_table("data/moved.csv", seed=1)
    assert "have changed" in say("evaluate", "run", "data.path=data/moved.csv").err
    assert "takes the run as it was" in say("evaluate", "run", "data.scaling=none").err


RANDOM = (*TABLE[:-1], "data.exclude=[t]", "trainer.max_epochs=1", "optimizer.lr=interval(0.001,0.1)")
RANDOM = ("-m", *RANDOM, "hydra/sweeper=random", "hydra.sweeper.plots=false", "hydra.sweep.dir=sweep")
SAID = "The data have changed since the first run of this sweep: as many examples as before, with other content"


FOLDS = ("data.folds=2", "hydra.sweeper.repeat_key=data.fold", "hydra.sweeper.repeats=2")


@pytest.mark.long
def test_trials_and_folds_that_start_after_a_change_are_refused(start, say, table):
    def give(*words):  # in a process of its own: this one has used polars, whose threads no fork of it has
        process = start(*words)
        out, err = process.communicate()
        return Answer(process.returncode, out, err)

    assert give(*RANDOM, *FOLDS, "hydra.sweeper.n_trials=1").code == 0
    done = files("sweep/trials")
    shutil.copy("table.csv", "kept.csv")
    write_table(seed=1)
    said = give("resume", "sweep", "hydra.sweeper.n_trials=2")
    assert said.code == 1 and SAID in said.out + said.err, said
    assert "Traceback" not in said.out + said.err
    assert {path: content for path, content in files("sweep/trials").items() if path in done} == done
    assert "can be compared only as they are" in say("resume", "sweep", "--allow-changed-data").err
    shutil.move("kept.csv", "table.csv")
    assert give("resume", "sweep", "hydra.sweeper.n_trials=3").code in (0, 1)


def test_while_a_run_goes_on_the_data_may_go(go, table):
    """Nothing reads them again before the next start."""

    class Remove(Progress):
        def epoch(self, fit, row):
            Path("table.csv").unlink(missing_ok=True)

    assert go(*TABLE, "trainer.max_epochs=3", progress=Remove())["status"] == "completed"
    with pytest.raises(ConfigError, match="no such file"):
        resume("run", ["trainer.max_epochs=4"])
    with pytest.raises(ConfigError, match="no such file"):
        evaluate_run("run")
