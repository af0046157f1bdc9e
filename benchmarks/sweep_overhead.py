"""What a trial costs beside its own work: our sweeper and plain Hydra on the same empty task, in turn.

    python benchmarks/sweep_overhead.py

The cost per trial is the slope between a short and a long grid, so that starting up is left out. Ours includes the
trial's folder, its frozen config, the study's journal, the tables, and a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

APP = Path(__file__).parents[1] / "tests" / "apps" / "sphere.py"


def seconds(sweeper: str, trials: int, workers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(APP), "-m", f"hydra/sweeper={sweeper}", f"hydra.sweep.dir={folder}/sweep"]
        command += [f"x=range({trials})"]
        if sweeper != "basic":
            command += [f"hydra.sweeper.workers={workers}"]
        if sweeper not in ("basic", "grid"):
            command[-2] = f"x=interval(0,{trials})"
            command += [f"hydra.sweeper.n_trials={trials}"]
        start = time.perf_counter()
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", type=int, default=20)
    parser.add_argument("--long", type=int, default=220)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    settings = [("basic", 1), ("grid", 1), ("grid", 2), ("bayes", 1)]
    costs: dict[tuple[str, int], list[float]] = {s: [] for s in settings}
    for _ in range(args.repeats):
        for setting in settings:
            short, long = (seconds(setting[0], n, setting[1]) for n in (args.short, args.long))
            costs[setting].append(1e3 * (long - short) / (args.long - args.short))
    plain = statistics.median(costs["basic", 1])
    for (sweeper, workers), values in costs.items():
        name = "plain Hydra (basic)" if sweeper == "basic" else f"{sweeper}, {workers} worker{'s' * (workers > 1)}"
        middle = statistics.median(values)
        print(
            f"{name:22} {middle:6.1f} ms per empty trial ({min(values):.1f}..{max(values):.1f}), {plain / middle:.1f}x"
        )


if __name__ == "__main__":
    main()
