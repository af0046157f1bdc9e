"""Whatever a tracker does, the training is as without it, and the user is told once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.errors import ConfigError
from runner.run import compose
from runner.tracking.base import TrackedRun, plain_names
from runner.tracking.process import start
from runner.tracking.process.follower import Follower, _short
from runner.tracking.process.start import Tracking

from .conftest import SMALL, result, rows, state, until
from .test_csv import values

BAD = """
import os, time
from runner.tracking.base import Tracker

class Bad(Tracker):
    def __init__(self, how="raises"):
        self.how = how

    def begin(self, run):
        if self.how == "hangs":
            time.sleep(3600)
        if self.how == "dies":
            os._exit(3)
        if self.how == "late":
            if not os.path.exists("there"):
                raise ConnectionError("http://me:secret@host: nobody there")
            return "id"
        raise ConnectionError("nobody there")

    def scores(self, rows):
        open("sent", "a").write("".join(f"{row['step']} " for row in rows))

    def end(self, status, result):
        open("sent", "a").write(status)
"""


@pytest.fixture
def bad(tmp_path, monkeypatch):
    (tmp_path / "bad_tracker.py").write_text(BAD)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "more/tracking").mkdir(parents=True)
    (tmp_path / "more/tracking/bad.yaml").write_text("bad:\n  _target_: bad_tracker.Bad\n  how: raises\n")
    monkeypatch.setattr(start, "_WAIT", 3.0)
    yield tmp_path
    sys.modules.pop("bad_tracker", None)


class Heard:
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def tracked(place, how, **more):
    from runner.run import run

    overrides = [*SMALL, "tracking=[bad]", f"tracking.bad.how={how}", "trusted_targets=[bad_tracker]"]
    heard = Heard()
    run(compose(overrides, str(place / "more")), place / how, heard, overrides, **more)
    return heard.said


@pytest.mark.parametrize("how", ["raises", "hangs", "dies"])
def test_a_training_is_as_without_it(go, bad, how, monkeypatch):
    started = []
    monkeypatch.setattr(start, "_start", lambda order, made=start._start: started.append(made(order)) or started[-1])
    try:
        said = [line for line in tracked(bad, how) if "tracking" in line]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert len(said) == 1, said
    assert said[0].startswith("tracking.bad: ")
    go(*SMALL, folder="plain")
    for row, plain in zip(rows(how), rows("plain"), strict=True):
        assert {**row, "time": 0} == {**plain, "time": 0}
    assert result(how)["test"] == result("plain")["test"]
    assert result(how)["status"] == "completed"


def test_what_could_not_be_sent_is_sent_when_somebody_is_there(go, bad, monkeypatch):
    from runner.run import resume

    monkeypatch.chdir(bad)
    (said,) = [line for line in tracked(bad, "late") if "tracking" in line]
    assert "nobody there" in said
    assert "secret" not in said
    assert not Path("sent").exists()
    Path("there").touch()
    resume("late", ["trainer.max_epochs=4"], trusted_targets=["bad_tracker"])
    until(lambda: Path("sent").exists() and Path("sent").read_text().endswith("finished"))
    assert Path("sent").read_text() == "4 8 12 16 finished"
    until(lambda: state("late", "bad") == {"id": "id", "sent": 16, "ended": True})


@pytest.mark.slow
def test_a_tracker_sees_that_its_run_was_killed(tmp_path):
    command = [sys.executable, "-m", "runner", *SMALL, "trainer.max_epochs=100000", "tracking=[csv]"]
    process = subprocess.Popen(
        [*command, "hydra.run.dir=run"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    folder = tmp_path / "run"
    try:
        until(lambda: (folder / "tracking/scores.csv").exists())
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: values(folder)["status"] == "killed")


def test_trials_do_not_wait(tmp_path, monkeypatch):
    trial = tmp_path / "sweep" / "trials" / "0000"
    trial.mkdir(parents=True)
    (trial / "config.yaml").touch()
    (tmp_path / "sweep" / "sweep.yaml").touch()
    slow = tmp_path / "slow_tracker.py"
    slow.write_text("import time\ntime.sleep(3600)\n")
    monkeypatch.syspath_prepend(tmp_path)
    tracking = Tracking(trial, {"slow": ("slow_tracker.Slow", {})}, {})
    begun = time.monotonic()
    try:
        assert tracking.end() == []
        assert time.monotonic() - begun < start._WAIT / 2
    finally:
        for process in tracking.processes.values():
            process.kill()
            process.wait()


def test_without_trackers_there_is_no_process(tmp_path):
    (tmp_path / "config.yaml").touch()
    tracking = Tracking(tmp_path, {}, {})
    assert (tracking.processes, tracking.news(), tracking.end()) == ({}, [], [])
    assert list(tmp_path.iterdir()) == [tmp_path / "config.yaml"]


def test_only_files_of_the_run_folder_are_sent(go, tmp_path):
    assert plain_names(["config.yaml", "result.json"]) == ("config.yaml", "result.json")
    for name in ("../secret", "/etc/passwd", "", "..", "*", "a\\b"):
        with pytest.raises(ValueError, match="no file of the run folder"):
            plain_names([name])
    with pytest.raises(ConfigError, match="no file of the run folder"):
        go(*SMALL, "tracking=[wandb]", "tracking.wandb.files=[../secret]")


@pytest.mark.parametrize("password", ["secret", "se@cret", "se/cret", "s:e@c/ret"])
def test_passwords_in_addresses_are_not_told(password):
    told = _short(ConnectionError(f"http://me:{password}@host: nobody there"))
    assert told == "ConnectionError: http://***@host: nobody there."
    assert _short(ConnectionError("trouble " * 50)).endswith(" trouble ...")


def test_a_run_that_goes_on_counts_as_not_told_before_its_tracker_is_reached(tmp_path):
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking/x.json").write_text('{"id": "7", "sent": 3, "ended": true}')
    Follower("x", None, TrackedRun(tmp_path, None, {}, 0.0))
    assert state(tmp_path, "x") == {"id": "7", "sent": 3, "ended": False}


def test_a_sweep_tells_what_trackers_of_its_trials_were_not_told(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "_WAIT", 0.5)
    monkeypatch.chdir(tmp_path)
    for number, (name, noted) in enumerate(
        [("a", '{"ended": true}'), ("a", '{"ended": false}'), ("a", None), ("b", "[]"), ("c", '{"ended": true}')]
    ):
        folder = tmp_path / f"sweep/trials/{number:04d}-x/tracking"
        folder.mkdir(parents=True)
        (folder / f"{name}.log").touch()
        if noted is not None:
            (folder / f"{name}.json").write_text(noted)
    said = start.untold(tmp_path / "sweep")
    assert len(said) == 2
    assert any("tracking.a: 2 of 3 trials" in s and "sweep/trials/0001-x/tracking/a.log" in s for s in said)
    assert any("tracking.b: 1 of 1 trials" in s for s in said)


@pytest.mark.slow
def test_a_tracker_that_is_down_is_told_of_at_the_end_of_a_sweep(bad):
    overrides = [*SMALL, "seed=0,1", "tracking=[bad]", "trusted_targets=[bad_tracker]"]
    overrides += ["hydra.sweep.dir=sweep", "hydra.sweeper.plots=false"]
    done = subprocess.run(
        [sys.executable, "-m", "runner", "--multirun", "--config-dir", "more", *overrides],
        cwd=bad,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "note: tracking.bad: 2 of 2 trials are not told yet" in done.stdout
    assert "sweep/trials/0000-seed_0/tracking/bad.log" in done.stdout
