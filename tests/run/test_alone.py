"""One process at a time writes into a run folder."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.record.lock import Lock
from runner.run import resume
from tests.faults.kill_resume import start, steps_done
from tests.run.conftest import QUICK
from tests.test_run import rows

ENDLESS = [*QUICK, "data=iris", "trainer.max_epochs=1000000", "trainer.checkpoint.every_seconds=0.05"]


def tree(folder):
    """Every file and folder with its content."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in sorted(Path(folder).rglob("*"))
    }


def asked(*arguments, cwd):
    process = start(list(arguments), cwd)
    out, _ = process.communicate(timeout=120)
    return process.returncode, out


@pytest.fixture
def at_work(tmp_path):
    """A run that is at work, held still so that one sees who else writes into its folder."""
    process = start([*ENDLESS, "trainer.checkpoint.every_epochs=50", "hydra.run.dir=run"], tmp_path)
    while not (tmp_path / "run/checkpoints/epoch-0050.pt").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    yield process
    process.kill()
    process.wait()


def test_nobody_else_writes_where_somebody_does(go, say, tmp_path):
    go(*QUICK, "trainer.max_epochs=2", "trainer.checkpoint.every_epochs=1")
    Path("run/result.json").unlink()
    (tmp_path / "run/run.lock").unlink()  # as of a run of an earlier version
    lock = Lock(tmp_path / "run/run.lock")
    for more in ([], ["trainer.max_epochs=3"], ["--from", "epoch-0001"]):
        assert lock.take() is None
        before = tree(tmp_path)
        code, _, err = say("resume", "run", *more)
        assert code == 2
        assert re.search(rf"^error: run: process {os.getpid()} on \S+ is at work on this run\. ", err), err
        assert tree(tmp_path) == before
        lock.release()
    lock.path.unlink()
    before = tree(tmp_path)
    assert say("resume", "run", "trainer.device=cuda:99")[0] == 2
    assert tree(tmp_path) == before
    assert say("resume", "run", "--from", "epoch-0001")[0] == 0
    assert [row["epoch"] for row in rows("run")] == [1, 2]


@pytest.mark.slow
def test_nobody_else_goes_on_with_a_run_that_is_at_work(at_work, say, tmp_path):
    before = tree(tmp_path)
    for command in (
        ["resume", "run"],
        ["resume", "run", "trainer.max_epochs=60"],
        ["resume", "run", "--from", "epoch-0050"],
    ):
        code, _, err = say(*command)
        assert code == 2
        assert re.search(rf"^error: run: process {at_work.pid} on \S+ is at work on this run\. ", err), err
        assert tree(tmp_path) == before
    assert say("evaluate", "run").code == 0  # which only reads
    at_work.kill()
    at_work.wait()
    done = say("resume", "run", "trainer.max_epochs=60", "--from", "epoch-0050")
    assert done.code == 0, done.err
    assert [row["epoch"] for row in rows(tmp_path / "run")] == list(range(1, 61))


@pytest.mark.long
def test_of_two_that_resume_at_once_one_does(tmp_path):
    first = start([*ENDLESS, "hydra.run.dir=run"], tmp_path)
    while steps_done(tmp_path / "run") < 50 and first.poll() is None:
        time.sleep(0.02)
    first.kill()
    first.communicate()
    done = steps_done(tmp_path / "run") // 7 + 1000
    both = [start(["resume", "run", f"trainer.max_epochs={done}"], tmp_path) for _ in range(2)]
    outs = [process.communicate(timeout=120)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], outs
    assert [row["epoch"] for row in rows(tmp_path / "run")] == list(range(1, done + 1))


@pytest.mark.long
def test_of_two_that_start_in_one_folder_one_does_and_keeps_it(tmp_path):
    both = [start([*QUICK, "trainer.max_epochs=100", "hydra.run.dir=a/run"], tmp_path) for _ in range(2)]
    outs = [process.communicate(timeout=120)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], outs
    assert len(rows(tmp_path / "a/run")) == 100
    assert (tmp_path / "a/run/result.json").exists()


@pytest.mark.slow
def test_a_trial_and_its_sweep_are_not_at_work_at_once(say, tmp_path):
    sweep = ["--multirun", *QUICK, "data=iris", "seed=1,2", "trainer.max_epochs=1", "hydra.sweep.dir=sweep"]
    sweep += ["hydra.sweeper.plots=false"]
    assert asked(*sweep, cwd=tmp_path)[0] == 0
    trial = next((tmp_path / "sweep/trials").glob("0000-*"))
    before = tree(tmp_path)

    lock = Lock(tmp_path / "sweep/driver.lock")
    assert lock.take() is None
    code, _, err = say("resume", str(trial), "trainer.max_epochs=2")
    assert (code, f"a trial of a sweep at which process {os.getpid()} on" in err) == (2, True), err
    lock.release()
    assert tree(tmp_path) == before

    lock = Lock(trial / "run.lock")  # as by `run.resume` in a notebook, which knows of no sweep
    assert lock.take() is None
    code, out = asked(*sweep, cwd=tmp_path)
    assert (code, f"{trial.relative_to(tmp_path)}: this trial is at work by itself" in out) == (2, True), out
    lock.release()
    assert tree(tmp_path) == before
    assert say("resume", str(trial), "trainer.max_epochs=2").code == 0


def test_the_lock_goes_with_its_holder_though_a_child_outlives_it(tmp_path):
    script = (
        "import os, sys, time; from pathlib import Path; from runner.record.lock import Lock; "
        "lock = Lock(Path('x.lock')); assert lock.take() is None; child = os.fork(); "
        "os.write(1, b'%d\\n' % child); child or time.sleep(60); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child = max(int(holder.stdout.readline()) for _ in range(2))  # both have said where they are
    lock = Lock(tmp_path / "x.lock")
    try:
        assert re.fullmatch(rf"process {holder.pid} on \S+", lock.take())
        holder.kill()
        holder.wait()
        os.kill(child, 0)  # is there
        assert lock.take() is None
    finally:
        os.kill(child, signal.SIGKILL)
        lock.release()
    assert (tmp_path / "x.lock").read_text() == ""


def test_where_there_are_no_locks_a_run_goes_without(go, monkeypatch):
    def none(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", none)
    go(*QUICK, "trainer.max_epochs=1")
    assert resume("run", ["trainer.max_epochs=2"])["epochs"] == 2
