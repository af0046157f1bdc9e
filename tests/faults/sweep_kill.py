"""Kill a sweep's driver and workers at random moments, resume it, and compare with the exhaustive list of points.

Each round sweeps a grid of 40 points with 4 workers; two workers and then the driver (or the whole process tree) get
SIGKILL at random moments, after which the same command is given again until it ends by itself. Every point must be
there exactly once, under a number and in a folder of its own, completed, with the right value.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

APP = Path(__file__).parents[1] / "apps" / "sphere.py"
XS, YS = range(8), range(5)
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": "1"}


def command(folder: Path, *more: str) -> list[str]:
    grid = [f"x={','.join(map(str, XS))}", f"y={','.join(map(str, YS))}", "sleep=0.05"]
    settings = ["hydra/sweeper=grid", "hydra.sweeper.workers=4", "hydra.sweeper.retries=3", f"hydra.sweep.dir={folder}"]
    return [sys.executable, str(APP), "-m", *settings, *grid, *more]


def parents() -> dict[int, int]:
    """Each process on this machine and its parent."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    return found


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, nearest first."""
    tree, found = parents(), [pid]
    for parent in found:
        found += [child for child, of in tree.items() if of == parent]
    return found[1:]


def workers(driver: int) -> list[int]:
    """The worker processes: children of the driver's zygote."""
    tree = parents()
    below = descendants(driver)
    return [pid for pid in below if tree.get(pid) in below]


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def disturb(process: subprocess.Popen[bytes], chance: random.Random, everything: bool) -> list[int]:
    """Kill two workers, then the driver; gives all processes that must be gone soon."""
    for _ in range(2):
        time.sleep(chance.uniform(0.1, 0.7))
        if found := workers(process.pid):
            kill(chance.choice(found))
    time.sleep(chance.uniform(0.0, 0.7))
    family = descendants(process.pid)
    for pid in [process.pid, *(family if everything else [])]:
        kill(pid)
    process.wait()
    return family


def check(folder: Path) -> list[str]:
    """What is wrong with a finished sweep; nothing when every point is there once."""
    with open(folder / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {(str(x), str(y)): float(x * x + y * y) for x, y in itertools.product(XS, YS)}
    got = [(r["x"], r["y"]) for r in rows]
    wrong = []
    if sorted(got) != sorted(expected):
        wrong.append(f"points: {len(got)} rows, {len(set(got))} different, {len(expected)} expected")
    wrong += [f"row {r['number']}: {r['status']} {r['cause']}" for r in rows if r["status"] != "completed"]
    if not wrong:
        wrong += [f"row {r['number']}: {r}" for r in rows if float(r["objective"]) != expected[r["x"], r["y"]]]
    if [int(r["number"]) for r in rows] != list(range(len(rows))):
        wrong.append("numbers are not 0, 1, 2, ...")
    folders = sorted(p.name for p in (folder / "trials").iterdir())
    if folders != sorted(r["folder"].removeprefix("trials/") for r in rows):
        wrong.append(f"folders without a row, or rows without a folder: {len(folders)} against {len(rows)}")
    records = [json.loads((folder / r["folder"] / "trial.json").read_text()) for r in rows]
    wrong += [f"record {t['number']}" for t in records if t["status"] != "completed"]
    return wrong


def round_of(seed: int, folder: Path) -> list[str]:
    """One sweep with its kills and its resumption."""
    chance = random.Random(seed)
    wrong = []
    process = subprocess.Popen(command(folder), env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (folder / "trials").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    family = disturb(process, chance, everything=seed % 3 == 2)
    until = time.monotonic() + 5
    while (left := [pid for pid in family if pid in parents()]) and time.monotonic() < until:
        time.sleep(0.05)
    if left:
        wrong.append(f"processes outlived their driver: {left}")
    done = subprocess.run(command(folder), env=ENV, capture_output=True, text=True, timeout=120)
    if done.returncode:
        wrong.append(f"exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return wrong + check(folder)
