"""A run that has decided to end, and is killed before its result is written, trains no more when it is resumed."""

import json
from pathlib import Path

import pytest
import torch

from runner.errors import RunFailed
from runner.run import resume
from tests.faults.kill_resume import same
from tests.run.conftest import QUICK
from tests.test_run import rows

STOPPED = ["regularization=[early_stopping]", "regularization.early_stopping.patience=2", "optimizer.lr=0.5"]
ENDS = {
    "early_stopping": [*STOPPED, "trainer.max_epochs=40"],
    "max_steps": ["trainer.max_steps=100", "trainer.max_epochs=5"],
    "max_time": ["trainer.max_time=0.2", "trainer.max_epochs=100000"],
}


@pytest.fixture
def killed_in_the_test(go, monkeypatch):
    """Run until the last checkpoint is written, and die before the test: as by SIGKILL, without a last word."""

    def run_it(*overrides):
        with monkeypatch.context() as patch:
            patch.setattr("runner.run.training._advice", die)
            patch.setattr("runner.record.recorder.Recorder.finish", lambda *_: None)
            with pytest.raises(Died):
                go(*QUICK, *overrides)

    return run_it


class Died(BaseException):
    pass


def die(*_):
    raise Died


@pytest.mark.parametrize("how", ENDS)
def test_no_epoch_is_trained_at_a_resume(killed_in_the_test, how):
    killed_in_the_test(*ENDS[how])
    before, state = rows("run"), torch.load("run/checkpoints/last.pt")
    first = resume("run")
    assert first["status"] == "completed" and first["test"]
    assert bool(first["cause"]) == (how != "max_steps")
    for _ in range(2):
        Path("run/result.json").unlink()
        again = resume("run")
        assert {k: v for k, v in again.items() if k not in ("seconds", "samples_per_second")} == {
            k: v for k, v in first.items() if k not in ("seconds", "samples_per_second")
        }
    assert [row["step"] for row in rows("run")] == [row["step"] for row in before]
    now = torch.load("run/checkpoints/last.pt")
    assert same(state["model"], now["model"]) == []
    assert state["position"]["step"] == now["position"]["step"]


def test_other_limits_have_it_go_on_and_a_kill_after_that_does_not_end_it(killed_in_the_test, monkeypatch):
    killed_in_the_test(*ENDS["max_time"])
    done = rows("run")[-1]["step"]
    with monkeypatch.context() as patch:
        patch.setattr("runner.engine.meter.Meter.add", die)
        with pytest.raises(Died):
            resume("run", ["trainer.max_time=null", f"trainer.max_steps={done + 7}"])
    assert resume("run")["step"] == done + 7


def test_logging_and_the_like_do_not(killed_in_the_test):
    killed_in_the_test(*ENDS["early_stopping"])
    epochs = len(rows("run"))
    assert resume("run", ["trainer.log_every=3"])["epochs"] == epochs


def test_a_run_that_diverged_does_so_again_where_it_did(go):
    command = [*QUICK, "optimizer=sgd", "optimizer.lr=1e30", "trainer.max_epochs=9"]
    for start in (lambda: go(*command), lambda: resume("run"), lambda: resume("run")):
        with pytest.raises(RunFailed, match="non-finite loss at step 2"):
            start()
        assert json.loads(Path("run/result.json").read_text())["status"] == "failed"
        assert not Path("run/metrics.jsonl").exists()


def test_ctrl_c_twice_in_the_test_leaves_a_run_that_is_only_tested(go, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("runner.engine.evaluate.evaluate", interrupted)  # the loop has taken its own before
        with pytest.raises(KeyboardInterrupt):
            go(*QUICK, *ENDS["early_stopping"])
    assert json.loads(Path("run/result.json").read_text())["status"] == "interrupted"
    epochs = len(rows("run"))
    assert resume("run")["epochs"] == epochs
    assert len(rows("run")) == epochs
