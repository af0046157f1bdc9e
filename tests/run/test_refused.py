"""A command that turns out to be wrong leaves the disk as it was."""

import json
from pathlib import Path

import pytest

from runner.errors import ConfigError
from runner.run import compose, resume, run
from tests.run.conftest import TABLE
from tests.run.test_alone import tree


def raising(error):
    def refuse(*_, **__):
        raise error

    return refuse


@pytest.fixture
def wrong(table, monkeypatch):
    """Everything is wrong, but this is known only once the data are read and the network is built."""
    monkeypatch.setattr("runner.engine.dry_run.check_shapes", raising(ConfigError("no")))


@pytest.mark.parametrize(
    ("there", "more"),
    [
        ([], []),
        pytest.param(["outputs"], [], marks=pytest.mark.slow),
        pytest.param(["outputs/runs"], [], marks=pytest.mark.slow),
        ([], ["hydra.run.dir=a/b/c"]),
        pytest.param(["a"], ["hydra.run.dir=a/b/c"], marks=pytest.mark.slow),
        (["a/b/c"], ["hydra.run.dir=a/b/c"]),
        (["a/b/c/mine"], ["hydra.run.dir=a/b/c"]),
        ([], ["hydra.run.dir='a/${now:%S-%f}'"]),
    ],
)
def test_no_folder_comes_or_goes(say, wrong, there, more):
    for folder in there:
        Path(folder).mkdir(parents=True)
    if there == ["a/b/c/mine"]:
        Path("a/b/c/note.txt").write_text("mine")
    before = tree(".")
    answer = say(*TABLE, *more)
    assert (answer.code, answer.err) == (2, "error: no\n")
    assert tree(".") == before


def test_nor_from_python(wrong):
    before = tree(".")
    for folder in (None, Path("new/run")):
        with pytest.raises(ConfigError):
            run(compose(list(TABLE)), folder)
    assert tree(".") == before


def test_nor_with_rerun(say, go, table, monkeypatch):
    go(*TABLE, "trainer.max_epochs=1")
    monkeypatch.setattr("runner.engine.dry_run.check_shapes", raising(ConfigError("no")))
    for more in ([], ["hydra.run.dir=x/y"]):
        before = tree(".")
        assert say("rerun", "run", *more).code == 2
        assert tree(".") == before


@pytest.mark.parametrize("where", ["runner.engine.dry_run.check_shapes", "runner.record.recorder.Recorder"])
@pytest.mark.parametrize("error", [ConfigError("no"), KeyboardInterrupt()])
def test_a_resume_that_does_not_come_to_train(go, table, monkeypatch, where, error):
    go(*TABLE, "trainer.max_epochs=2")
    Path("run/stop.json").write_text("{}")
    before = tree(".")
    with monkeypatch.context() as patch:
        patch.setattr(where, raising(error))
        with pytest.raises(type(error)):
            resume("run", ["trainer.max_epochs=3"])
    after = tree(".")
    if isinstance(error, ConfigError) or "Recorder" in where:
        assert after == before
    else:  # it had begun, and is marked
        assert json.loads(after[Path("run/result.json")])["status"] == "interrupted"
    assert resume("run", ["trainer.max_epochs=3"])["epochs"] == 3


def test_what_was_trained_stays_whatever_ends_it(go, table, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("runner.engine.pace.Pace.epoch", raising(ConfigError("no")))
        with pytest.raises(ConfigError):
            go(*TABLE, "trainer.max_epochs=2", "trainer.checkpoint.every_seconds=0.001")
    assert Path("run/checkpoints/last.pt").exists()
    assert resume("run")["epochs"] == 2
