"""Runs, sweeps and ablations that are ended from elsewhere, and go on as if nothing had been."""

import csv
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch

from runner.engine.progress import Progress
from runner.errors import ConfigError, Interrupted
from runner.record.folder import RunFolder
from runner.record.lock import Lock
from runner.record.stop import StopRequest, find, this_process
from runner.run import resume
from runner.sweep.interruption import Interruption

IRIS = ("data=iris", "model.hidden=[8]", "trainer.threads=1", "trainer.images=0")
LONG = ("data=csv", "data.path=rows.csv", "data.target=y", "data.batch_size=1", "model.hidden=[8]", "trainer.images=0")

SAVING = ("trainer.checkpoint.every_seconds=0.2",)


@pytest.fixture
def begin(start):
    """Start a command and wait until its process has a lock; gives both. None outlives its test."""
    processes = []

    def at_work(lock, *words):
        processes.append(process := start(*words))
        while Lock(lock).holder is None and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()
        return process

    yield at_work
    for process in processes:
        process.kill()
        process.communicate()


def rows(path, number):
    path.write_text("a,b,y\n" + "".join(f"{i % 7},{i % 11},{i % 3 + 0.5}\n" for i in range(number)))


def result(folder):
    return json.loads((folder / "result.json").read_text())


def scores(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


def test_in_the_first_epoch_and_it_goes_on_exactly(begin, say, tmp_path):
    """Before the first step too: it is asked as soon as there is somebody to ask."""
    rows(tmp_path / "rows.csv", 400)
    run = begin(Path("run/run.lock"), *LONG, "trainer.max_epochs=2", "hydra.run.dir=run")
    said = say("stop", "run")
    _, error = run.communicate(timeout=60)
    assert (said.code, run.returncode) == (0, 130)
    assert said.out.endswith("run: interrupted; `python -m runner resume run` goes on where it was\n")
    assert "the state is saved. Continue with: python -m runner resume run\n" in error
    found = result(tmp_path / "run")
    assert (found["status"], found["epochs"]) == ("interrupted", 0)
    assert found["cause"].startswith("asked to stop from ")
    step = found["step"]
    assert 0 < step < 280
    assert torch.load(tmp_path / "run/checkpoints/last.pt")["position"]["step"] == step
    assert not (tmp_path / "run/stop.json").exists()
    resume("run")
    assert say(*LONG, "trainer.max_epochs=2", "hydra.run.dir=whole").code == 0
    assert scores(tmp_path / "run") == scores(tmp_path / "whole")
    one, other = (torch.load(tmp_path / f"{name}/checkpoints/last.pt") for name in ("run", "whole"))
    assert all(torch.equal(one["model"][name], other["model"][name]) for name in one["model"])
    said = say("stop", "run")
    assert (said.code, said.out) == (0, "run: nobody is at work there (completed)\n")


@pytest.mark.slow
def test_twice_at_once_and_one_that_does_not_wait(begin, start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = begin(Path("run/run.lock"), *IRIS, "trainer.max_epochs=1000000", "hydra.run.dir=run")
    several = [start("stop", "run"), start("stop", "run", "--no-wait"), start("stop", "run/")]
    said = [one.communicate(timeout=60) for one in several]
    assert run.wait(60) == 130
    assert [one.returncode for one in several] == [0, 0, 0], said
    assert result(tmp_path / "run")["status"] == "interrupted"
    assert not Path("run/stop.json").exists()


def test_one_that_does_not_hear_and_one_that_is_killed(begin, say, tmp_path):
    """What they were asked stays for them, and stops nobody else."""
    run = begin(Path("run/run.lock"), *IRIS, *SAVING, "trainer.max_epochs=100000", "hydra.run.dir=run")
    while not (tmp_path / "run/checkpoints/last.pt").exists():
        time.sleep(0.01)
    run.send_signal(signal.SIGSTOP)
    said = say("stop", "run", "--timeout", "0.5")
    assert said.code == 1
    assert said.err.startswith(f"error: run: process {run.pid} on ")
    assert "is still at work after 0.5 s" in said.err
    assert json.loads((tmp_path / "run/stop.json").read_text())["to"].startswith(f"process {run.pid} on ")
    run.kill()
    run.wait()
    assert (tmp_path / "run/stop.json").exists()
    said = say("stop", "run")
    assert (said.code, said.out) == (0, "run: nobody is at work there (interrupted)\n")
    epochs = len(scores(tmp_path / "run")) + 3
    assert resume("run", [f"trainer.max_epochs={epochs}"])["epochs"] == epochs
    assert not (tmp_path / "run/stop.json").exists()


def test_who_is_just_letting_go_is_not_asked(say, tmp_path):
    """A lock loses its name an instant before it is free."""
    (tmp_path / "config.yaml").touch()
    lock = Lock(tmp_path / "run.lock")
    assert lock.take() is None
    os.truncate(tmp_path / "run.lock", 0)
    later = threading.Timer(0.3, lock.release)
    later.start()
    said = say("stop", str(tmp_path))
    later.join()
    assert (said.code, "nobody is at work there" in said.out) == (0, True)


class Asking(Progress):
    """Asks its own process at the end of the second epoch: after its evaluation, where no step looks."""

    def __init__(self, **request):
        self.request = request

    def epoch(self, fit, row):
        if row["epoch"] == 2:
            StopRequest(**self.request).put(fit.recorder.folder.path)


def test_in_an_evaluation(go):
    with pytest.raises(Interrupted, match="asked to stop") as stopped:
        go(*IRIS, "trainer.max_epochs=9", progress=Asking(status="interrupted", to=this_process()))
    assert stopped.value.exit_code == 130
    assert result(Path("run"))["epochs"] == 2
    assert not Path("run/stop.json").exists()
    assert resume("run")["epochs"] == 9


@pytest.mark.parametrize(
    "to", ["process 1 on elsewhere", f"{this_process()}1", ""], ids=["another", "a longer number", "nobody"]
)
def test_a_request_stops_nobody_that_it_is_not_for(go, to):
    assert go(*IRIS, "trainer.max_epochs=4", progress=Asking(status="interrupted", to=to))["epochs"] == 4


def test_one_that_is_older_than_the_process_is_removed(tmp_path):
    """In containers that follow each other, processes may have one name."""
    StopRequest(to=this_process()).put(tmp_path)
    with RunFolder(tmp_path).claimed():
        assert find(tmp_path) is None
    StopRequest(to=this_process()).put(tmp_path)
    folder, error = RunFolder(tmp_path), ConfigError("the command was wrong")
    with pytest.raises(ConfigError), folder.claimed():
        raise error
    assert find(tmp_path)  # as it was


def test_what_it_costs_where_nobody_asks(tmp_path):
    begin = time.process_time()
    for _ in range(1000):
        find(tmp_path)
    assert time.process_time() - begin < 0.2  # twice a second: below 1 step in 1,000


def test_a_request_is_as_good_as_a_first_signal(monkeypatch):
    asked, now = [], [100.0]
    monkeypatch.setattr("runner.sweep.interruption.time.monotonic", lambda: now[0])
    with Interruption(request=lambda: bool(asked)) as interruption:
        assert not interruption.asked()
        asked.append(True)
        assert not interruption.asked()  # it was looked at a moment ago
        now[0] += 1
        assert interruption.asked()
        now[0] += 1
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


SWEEP = ("--multirun", *IRIS, "optimizer=sgd,adam,adamw", "hydra.sweeper.workers=2", "hydra.sweep.dir=sweep")


@pytest.mark.slow
def test_a_trial_and_a_sweep(begin, say, tmp_path):
    sweep = begin(Path("sweep/driver.lock"), *SWEEP, "trainer.max_epochs=5000")
    first, second = "sweep/trials/0000-optimizer_sgd", "sweep/trials/0001-optimizer_adam"
    while Lock(tmp_path / first / "run.lock").holder is None or not (tmp_path / second / "metrics.jsonl").exists():
        time.sleep(0.01)
    said = say("stop", first)
    assert (said.code, said.out.splitlines()[-1]) == (0, f"{first}: pruned")
    assert say("stop", "sweep/trials/0000-optimizer_sgd").code == 2  # it has ended, its sweep goes on
    said = say("stop", ".")
    assert (said.code, said.err.rpartition(": ")[2]) == (2, "sweep.\n")
    said = say("stop", "sweep", "sweep/../sweep")
    sweep.communicate(timeout=60)
    assert (said.code, sweep.returncode) == (0, 130), said
    assert result(tmp_path / "sweep")["status"] == "interrupted"
    with open(tmp_path / "sweep/trials.csv", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)][:2] == ["pruned", "interrupted"]
    assert not list(tmp_path.rglob("stop.json"))


@pytest.mark.long
def test_an_ablation(begin, say, tmp_path):
    words = ("ablate", "optimizer=sgd,adam", *IRIS, "trainer.max_epochs=100000", "--seeds", "3", "--output", "abl")
    ablation = begin(Path("abl/ablation.lock"), *words)
    assert not (tmp_path / "abl/driver.lock").exists()  # it is between two sweeps, and the next one will be asked
    said = say("stop", "abl")
    assert (said.code, said.out.splitlines()[-1]) == (0, "abl: interrupted; the same command goes on where it was")
    assert ablation.wait(60) == 130
    assert result(tmp_path / "abl")["status"] == "interrupted"
    assert not list(tmp_path.rglob("stop.json"))
    records = [json.loads(file.read_text()) for file in tmp_path.glob("abl/trials/*/trial.json")]
    assert {(record["status"], record["attempts"]) for record in records} <= {("interrupted", 0)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "expected the folder of a run, a sweep or an ablation"),
        (("nothing",), "there is no such folder"),
        ((".",), "no folder of a run, a sweep or an ablation"),
        ((".", "--timeout", "soon"), "expected seconds above 0"),
        ((".", "--timeout=-1"), "expected seconds above 0"),
        ((".", "--wait"), "--wait: not known here. Usage"),
    ],
)
def test_what_is_refused(say, words, told):
    said = say("stop", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_nothing_is_asked_where_one_folder_is_wrong(begin, say, tmp_path):
    lock = Lock(tmp_path / "run.lock")
    assert lock.take() is None
    (tmp_path / "config.yaml").touch()
    assert say("stop", str(tmp_path), "nothing").code == 2
    assert not (tmp_path / "stop.json").exists()
    lock.release()
