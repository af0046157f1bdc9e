"""Seconds that `runs` and `compare` take over many run folders, and what of it is reading.

Copies of one run, each with other values and results; with --different every part of every configuration is another,
so that none is read for two.

python benchmarks/list_runs.py [--runs 1000] [--rounds 5] [--different]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

QUICK = ("data=iris", "trainer.max_epochs=2", "trainer.threads=1", "trainer.images=0")


def make(folder: Path, count: int, different: bool) -> None:
    """`count` runs in ``outputs/runs`` of `folder`."""
    command = [sys.executable, "-m", "runner", *QUICK, "hydra.run.dir=first"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    first = folder / "first"
    config = yaml.safe_load((first / "config.yaml").read_text())
    result = json.loads((first / "result.json").read_text())
    draw = random.Random(0)
    for number in range(count):
        place = folder / f"outputs/runs/2026-01-01_00-00-00_iris-mlp-{number}"
        place.mkdir(parents=True)
        for name in ("manifest.json", "metrics.jsonl", "run.log", "run.lock"):
            shutil.copy(first / name, place / name)
        config["seed"] = number % 5
        config["optimizer"]["lr"] = 10.0 ** -(number // 5 % 50)
        if different:
            for part in ("data", "model", "trainer", "scheduler", "loss", "init"):
                config[part]["note"] = draw.random()
            config["optimizer"]["lr"] = draw.random()
        (place / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, default_flow_style=None))
        (place / "result.json").write_text(json.dumps({**result, "best_value": draw.random()}, indent=2))


def seconds(folder: Path, *words: str) -> float:
    """Wall time of a command."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "runner", *words], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--different", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, given.runs, given.different)
        one = next((folder / "outputs/runs").iterdir())
        commands = {
            "--version": ("--version",),
            "runs (one folder)": ("runs", str(one)),
            "runs": ("runs",),
            "runs model=mlp optimizer.lr>0.001 --sort best": (
                "runs",
                "model=mlp",
                "optimizer.lr>0.001",
                "--sort",
                "best",
            ),
            "runs --csv": ("runs", "--csv"),
            "compare outputs/runs": ("compare", "outputs/runs"),
        }
        times: dict[str, list[float]] = {}
        for _ in range(given.rounds):
            for title, words in commands.items():
                times.setdefault(title, []).append(seconds(folder, *words))
        kind = "all different" if given.different else "of 50 configurations"
        print(f"{given.runs:,} runs, {kind}; {os.cpu_count()} cores; median (least) of {given.rounds}")
        for title, values in times.items():
            print(f"{title:<50} {statistics.median(values):6.2f} s  ({min(values):.2f})")


if __name__ == "__main__":
    main()
