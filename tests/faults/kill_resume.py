"""Kill a run with SIGKILL at random moments, resume it, and compare it bit by bit with the uninterrupted run.

Each point starts the same command in a process of its own, kills it after a random time while it trains, resumes it
(killing it again once or twice on the way), and compares weights, optimizer state, metrics (times aside) and result.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from runner.testing.comparison import content, same

__all__ = ["COMMAND", "content", "interrupted_run", "kill_while_training", "same", "start", "steps_done", "wait"]

COMMAND = [
    "model=mlp",
    "optimizer=adamw",
    "scheduler=onecycle",
    "augmentation=[crop,noise]",
    "regularization=[dropout,early_stopping]",
    "regularization.early_stopping.patience=60",
    "trainer.max_epochs=60",
    "trainer.threads=1",
    "trainer.checkpoint.every_seconds=0.02",
    "data.batch_size=16",
    "seed=3",
]


def start(arguments: list[str], cwd: Path) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "runner", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait(process: subprocess.Popen[str]) -> None:
    """Wait for a run to end well."""
    out, _ = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(f"exit {process.returncode}:\n{out}")


def steps_done(folder: Path) -> int:
    """Last step that metrics.jsonl tells of."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    try:
        return json.loads(lines[-1])["step"] if lines else 0
    except json.JSONDecodeError:
        return 0


def kill_while_training(process: subprocess.Popen[str], folder: Path, draw: random.Random, step: int) -> bool:
    """Kill the process a random moment after metrics.jsonl told of this step; False when it was complete before."""
    while process.poll() is None and steps_done(folder) < step:
        time.sleep(0.001)
    deadline = time.perf_counter() + draw.uniform(0, 0.05)
    while process.poll() is None and time.perf_counter() < deadline:
        time.sleep(0.001)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return not (folder / "result.json").exists()


def interrupted_run(base: Path, folder: str, draw: random.Random, command: list[str], steps: int, kills: int) -> int:
    """A run of `steps` steps that is killed up to `kills` times and resumed each time; returns how often it was."""
    process = start([*command, f"hydra.run.dir={folder}"], base)
    for done in range(kills):
        began = steps_done(base / folder)
        if not kill_while_training(
            process, base / folder, draw, draw.randint(began + 1, max(began + 1, steps * 2 // 3))
        ):
            return done
        process = start(["resume", folder], base)
    wait(process)
    return kills
