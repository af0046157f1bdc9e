"""Seconds and peak memory to read a million rows of CSV: ours (checked, with gaps found) beside polars alone, in turn.

    python benchmarks/read_csv.py [--rows 1000000] [--rounds 5]

Each reading has a process of its own; memory is what the process had at most, less what it had with polars imported.
The whole option (split, imputation, one-hot, scaling, tensors) is a third line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

MEASURE = """
import json, sys, time
from pathlib import Path
import polars as pl
def memory(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) / 1024
def ready(): return memory("VmHWM"), time.perf_counter()
path = Path(sys.argv[1])
{prepare}
before, begin = ready()
frame = {read}
seconds = time.perf_counter() - begin
print(json.dumps([seconds, memory("VmHWM") - before]))
"""

READINGS = {
    "polars alone": ("", "pl.read_csv(path)"),
    "ours": ("from runner.data.table.read import read_table", "read_table(path)"),
    "ours, to tensors": (
        "import torch; import runner.data.parts.assemble; from runner.data.csv import Csv",
        "Csv(path=str(path), target='label').load()",
    ),
}


def write(path: Path, rows: int) -> None:
    """Ten columns: seven numbers, two of words, the target; one value in twenty is missing."""
    draw = np.random.default_rng(0)
    gaps = lambda values: pl.Series(values).scatter(np.flatnonzero(draw.random(rows) < 0.05), None)  # noqa: E731
    columns = {f"x{i}": gaps(draw.normal(size=rows).round(4)) for i in range(7)}
    columns |= {f"w{i}": gaps(draw.choice(["red", "green", "blue", "a longer word"], rows)) for i in range(2)}
    columns["label"] = pl.Series(draw.integers(0, 3, rows))
    pl.DataFrame(columns).write_csv(path)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[str, list[list[float]]] = {name: [] for name in READINGS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write(path, arguments.rows)
        print(f"{arguments.rows:,} rows, 10 columns, {path.stat().st_size / 2**20:.0f} MiB")
        for _ in range(arguments.rounds):
            for name, (prepare, read) in READINGS.items():
                program = MEASURE.format(prepare=prepare, read=read)
                done = subprocess.run(
                    [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
                )
                found[name].append(json.loads(done.stdout))
    print(f"{'':18s} {'seconds':>8s} {'(range)':>12s} {'ratio':>6s} {'peak MiB':>9s} {'ratio':>6s}")
    base = [statistics.median(values) for values in zip(*found["polars alone"])]
    for name, measured in found.items():
        seconds, peaks = zip(*measured)
        second, peak = statistics.median(seconds), statistics.median(peaks)
        spread = f"({min(seconds):.2f}-{max(seconds):.2f})"
        print(f"{name:18s} {second:8.2f} {spread:>12s} {second / base[0]:6.2f} {peak:9.0f} {peak / base[1]:6.2f}")


if __name__ == "__main__":
    main()
