"""Signals: nothing is lost, nothing runs twice, nothing stays behind."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from sweep_kill import descendants, parents, round_of

APP = Path(__file__).parents[1] / "apps" / "curves.py"


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
def test_killed_driver_and_workers(tmp_path, seed):
    assert round_of(seed, tmp_path / "sweep") == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
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
    printed, said = process.communicate(timeout=60)
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
    subprocess.run(command, check=True, capture_output=True, env=env)
    assert [row["status"] for row in rows(tmp_path)] == ["completed"] * 3
    starts = [(tmp_path / r["folder"] / "starts.txt").read_text().split() for r in rows(tmp_path)]
    assert all(len(s) == 2 and int(s[1]) >= 1 for s in starts[:2])
    assert starts[2] == ["0"]


def rows(folder):
    with open(folder / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))
