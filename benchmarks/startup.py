"""Seconds from the command to an answer, beside bare ``import torch``, in turn.

python benchmarks/startup.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIRST_STEP = """
import sys, time
from runner.engine.step import Step
apply = Step.apply
def first(self, want_norm):
    apply(self, want_norm)
    print("FIRST", time.time(), flush=True)
    Step.apply = apply
Step.apply = first
sys.argv = ["runner", "trainer.max_epochs=1"]
from runner.cli import main
main()
"""


def seconds(arguments: list[str], folder: str) -> tuple[float, float]:
    """Wall time of a Python process, and the time until it printed FIRST (else the same)."""
    begin, moment = time.perf_counter(), time.time()
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    whole = time.perf_counter() - begin
    marks = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("FIRST")]
    return whole, marks[0] - moment if marks else whole


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, arguments in {
                "import torch": ["-c", "import torch"],
                "runner --help": ["-m", "runner", "--help"],
                "runner list": ["-m", "runner", "list"],
                "runner --cfg job": ["-m", "runner", "--cfg", "job"],
                "runner model=resent (refused)": ["-m", "runner", "model=resent"],
            }.items():
                times.setdefault(name, []).append(seconds(arguments, folder)[0])
            whole, first = seconds(["-c", FIRST_STEP], folder)
            times.setdefault("digits, 1 epoch: first step", []).append(first)
            times.setdefault("digits, 1 epoch: end", []).append(whole)
        inside = [json.loads(p.read_text())["seconds"] for p in Path(folder).rglob("result.json")]
    base = statistics.median(times["import torch"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:32s} {median:6.2f} s ({min(values):.2f}-{max(values):.2f}), {median / base:.2f} x import torch")
    print(f"{'training itself (result.json)':32s} {statistics.median(inside):6.2f} s")


if __name__ == "__main__":
    main()
