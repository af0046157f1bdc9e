"""Ctrl-C at random moments of a sweep, as a terminal sends it; every one is heard, and no trial that ran is lost.

Each round starts a sweep on a terminal of its own, with an empty task, with one that reports by epoch, or with real
runs, and presses Ctrl-C once at a random moment: the terminal sends SIGINT to every process of the group at the same
time. The sweep must end soon, say that it was stopped, leave no process behind, and have saved each real run that had
written an epoch.
"""

from __future__ import annotations

import json
import os
import pty
import random
import select
import sys
import time
from pathlib import Path

from tests.faults.sweep_kill import descendants, parents

APPS = Path(__file__).parents[1] / "apps"
SOON = 20.0  # seconds, on a busy machine; a trial has 60 to save itself
COMMANDS = {
    "sphere": [str(APPS / "sphere.py"), "-m", "x=range(100)", "y=range(100)"],
    "curves": [str(APPS / "curves.py"), "-m", "lr=range(1,500)", "sleep=0.001"],
    "runs": ["-m", "runner", "--multirun", "optimizer.lr=0.1,0.01,0.001", "trainer.max_epochs=2000"],
}


def press(kind: str, wait: float, folder: Path, *more: str) -> tuple[int, float, str, list[int]]:
    """Start a sweep, press Ctrl-C `wait` seconds after its first trial; gives status, seconds, output, what is left."""
    command = [sys.executable, *COMMANDS[kind], "hydra/sweeper=grid"]
    command += [f"hydra.sweep.dir={folder}", "hydra.sweeper.workers=2"]
    driver, terminal = pty.fork()
    if driver == 0:
        os.environ["OMP_NUM_THREADS"] = "1"
        os.execv(sys.executable, [*command, *more])
    said, began, pressed, family = b"", 0.0, 0.0, []
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.005)[0]:
            try:
                said += os.read(terminal, 1 << 16)
            except OSError:  # the other side is closed
                break
        began = began or (time.monotonic() if any(folder.glob("trials/0*")) else 0.0)
        if began and not pressed and time.monotonic() > began + wait:
            family = descendants(driver)
            os.write(terminal, b"\x03")
            pressed = time.monotonic()
        if pressed and time.monotonic() > pressed + SOON:
            os.kill(driver, 9)
    seconds = time.monotonic() - pressed
    status = os.waitstatus_to_exitcode(os.waitpid(driver, 0)[1])
    os.close(terminal)
    until = time.monotonic() + 5
    while (left := [pid for pid in family if pid in parents()]) and time.monotonic() < until:
        time.sleep(0.05)
    return status, seconds, said.decode(errors="replace"), left


def round_of(kind: str, seed: int, folder: Path, *more: str) -> list[str]:
    """One sweep, one Ctrl-C; gives what is wrong."""
    wait = random.Random(seed).uniform(0, 1.5)
    status, seconds, said, left = press(kind, wait, folder, *more)
    wrong = []
    if status != (130 if kind == "runs" else 1) or "The same command continues the sweep" not in said:
        wrong.append(f"exit {status} after {seconds:.1f} s: {said[-300:]!r}")
    if "Traceback" in said:
        wrong.append(f"a traceback: {said[-1000:]!r}")
    if left:
        wrong.append(f"processes outlived their driver: {left}")
    for trial in folder.glob("trials/0*"):
        record = json.loads((trial / "trial.json").read_text())
        if record["status"] == "running":
            wrong.append(f"{trial.name} counts as running")
        if kind == "runs" and (trial / "metrics.jsonl").exists():
            result = json.loads((trial / "result.json").read_text())
            epochs = len((trial / "metrics.jsonl").read_text().splitlines())
            if result["cause"] not in ("SIGINT", "SIGTERM") or result.get("epochs", 0) < epochs:
                wrong.append(f"{trial.name} was not saved: {result}")
    return wrong
