"""Signals: nothing is lost, nothing runs twice, nothing stays behind."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.errors import Interrupted
from runner.sweep.composer import Composer
from runner.sweep.interruption import AGAIN
from runner.sweep.listing import summaries
from tests.faults import sweep_interrupt
from tests.faults.sweep_kill import descendants, parents, round_of

APP = Path(__file__).parents[1] / "apps" / "curves.py"


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_killed_driver_and_workers(tmp_path, seed):
    assert round_of(seed, tmp_path / "sweep") == []


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGTERM, signal.SIGHUP))]
)
def test_a_stopped_sweep_goes_on_from_its_checkpoints(tmp_path, number):
    command = [sys.executable, str(APP), "-m", "hydra/sweeper=grid", "lr=0.1,0.5,1", "sleep=0.2", "epochs=6"]
    command += [f"hydra.sweep.dir={tmp_path}", "hydra.sweeper.workers=2"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)
    until = time.monotonic() + 20
    while len(list(tmp_path.glob("trials/*/checkpoint.json"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    family = descendants(process.pid)
    process.send_signal(number)
    printed, said = process.communicate(timeout=300)
    assert "stopping: 2 trials under way" in printed
    assert printed.splitlines()[-1] == f"sweep: {tmp_path}", "no pictures are drawn when somebody waits to be let go"
    assert not (tmp_path / "plots").exists()
    assert process.returncode == 1
    assert "Stopped. The same command continues the sweep" in said
    assert "Traceback" not in said
    until = time.monotonic() + 5
    while set(family) & set(parents()) and time.monotonic() < until:
        time.sleep(0.02)
    assert not set(family) & set(parents())
    assert [row["status"] for row in rows(tmp_path)] == ["interrupted", "interrupted"]
    subprocess.run([*command, "hydra.sweeper.plots=false"], check=True, capture_output=True, env=env)
    assert [row["status"] for row in rows(tmp_path)] == ["completed"] * 3
    starts = [(tmp_path / r["folder"] / "starts.txt").read_text().split() for r in rows(tmp_path)]
    assert all(len(s) == 2 and int(s[1]) >= 1 for s in starts[:2])
    assert starts[2] == ["0"]


@pytest.mark.slow
def test_ctrl_c_twice_stops_at_once_and_the_sweep_is_listed_as_interrupted(tmp_path):
    command = [sys.executable, str(APP), "-m", "hydra/sweeper=grid", "misbehave=null,stubborn", "sleep=0"]
    command += [f"hydra.sweep.dir={tmp_path}/one"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True) as process:
        until = time.monotonic() + 30
        while not (tmp_path / "one/trials.csv").exists() or len(rows(tmp_path / "one")) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        metrics = tmp_path / "one" / rows(tmp_path / "one")[1]["folder"] / "metrics.jsonl"
        while not metrics.exists() or len(metrics.read_text().splitlines()) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(0.3)  # until it ignores SIGTERM
        assert summaries(tmp_path)[0].statuses == {"completed": 1, "running": 1}
        process.send_signal(signal.SIGINT)
        for line in process.stdout:
            if line.startswith("stopping: 1 trial under way"):
                break
        time.sleep(2 * AGAIN)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 1
    assert "Stopped at once; what was saved before stays. The same command continues the sweep" in said
    assert "Traceback" not in said
    assert summaries(tmp_path)[0].statuses == {"completed": 1, "interrupted": 1}


@pytest.mark.parametrize("kind", ["curves", *(pytest.param(k, marks=pytest.mark.slow) for k in ("sphere", "runs"))])
def test_ctrl_c_on_a_terminal(tmp_path, kind):
    assert sweep_interrupt.round_of(kind, 0, tmp_path / "sweep") == []


@pytest.mark.slow
def test_a_closed_terminal_saves_the_trials(tmp_path):
    command = [sys.executable, str(APP), "-m", "hydra/sweeper=grid", "lr=0.1,0.5", "sleep=0.05", "epochs=10000"]
    process, terminal = pty.fork()
    if not process:
        os.execv(sys.executable, [*command, f"hydra.sweep.dir={tmp_path}"])
    while not list(tmp_path.glob("trials/*/checkpoint.json")):
        time.sleep(0.02)
        os.read(terminal, 1 << 16)
    family = descendants(process)
    os.close(terminal)
    os.waitpid(process, 0)
    assert [row["status"] for row in rows(tmp_path)] == ["interrupted"]
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "interrupted"
    until = time.monotonic() + 5
    while set(family) & set(parents()) and time.monotonic() < until:
        time.sleep(0.02)
    assert not set(family) & set(parents())


def test_an_interrupt_that_code_of_others_loses_is_heard(app, monkeypatch):
    compose, calls = Composer.compose, []

    def deaf(self, overrides):
        calls.append(overrides)
        if len(calls) == 4:
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        return compose(self, overrides)

    monkeypatch.setattr(Composer, "compose", deaf)
    with pytest.raises(Interrupted, match=r"Stopped\. The same command continues"):
        app("sphere", "x=range(30)")
    assert len(calls) < 10
    assert app.result["status"] == "interrupted"


def test_ctrl_c_before_the_first_trial(app, monkeypatch):
    compose = Composer.compose

    def interrupted(self, overrides):
        os.kill(os.getpid(), signal.SIGINT)
        return compose(self, overrides)

    monkeypatch.setattr(Composer, "compose", interrupted)
    with pytest.raises(Interrupted, match="Stopped before the first trial; nothing was written"):
        app("sphere", "x=range(30)")
    assert not app.folder.exists()


SLOW = """
import time
from pathlib import Path

Path("importing").touch()
time.sleep(60)
"""
IMPORTING = """
import hydra
from curves import Curves, curves


@hydra.main(version_base=None, config_name="curves")
def app(cfg):
    return curves(cfg)


app.__wrapped__.sweep_protocol = Curves()
Curves.modules = ("slow",)
app()
"""


def test_ctrl_c_while_workers_start(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "app.py").write_text(IMPORTING)
    command = [sys.executable, "app.py", "-m", "hydra/sweeper=grid", "lr=1,2", "hydra.sweep.dir=sweep"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{APP.parent}:{os.environ.get('PYTHONPATH', '')}"},
    )
    while not ((tmp_path / "importing").exists() and list(tmp_path.glob("sweep/trials/0*"))) and process.poll() is None:
        time.sleep(0.02)
    family = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = process.communicate(timeout=50)[1]
    assert process.returncode == 1
    assert "The same command continues the sweep in sweep." in said
    assert "Traceback" not in said
    assert family
    assert not set(family) & set(parents())


def rows(folder):
    with open(folder / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))
