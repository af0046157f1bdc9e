"""How much memory and time it takes to predict a CSV file of many gigabytes.

    python benchmarks/predict_stream.py --gigabytes 10

A small table trains a small network in a temporary folder; then rows of the same kind are written into the standard
input of ``python -m runner predict RUN_DIR -``, so that nothing of them ever lies on the disk. The peak is that of the
predicting process alone; a tenth of the rows is predicted first, for what the program takes by itself.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COLUMNS = 8
OPTIONS = ("model.hidden=[32]", "trainer.max_epochs=1", "trainer.images=0", "trainer.threads=1")


def some_rows(count: int, answers: bool) -> str:
    """Lines of numbers and a word, with or without what is to be predicted."""
    draw = np.random.default_rng(0)
    numbers, words = draw.normal(size=(count, COLUMNS)), draw.choice(["red", "green", "blue"], count)
    lines = [
        ",".join([*(f"{x:.6f}" for x in row), word, *(["yes" if row[0] > 0 else "no"] if answers else [])])
        for row, word in zip(numbers, words, strict=True)
    ]
    return "\n".join(lines) + "\n"


def predicted(run: Path, total: int, batch_size: int) -> tuple[int, float, float]:
    """Predict `total` bytes of rows: how many rows, seconds, and the peak in MiB."""
    block = some_rows(20_000, answers=False).encode()
    command = [sys.executable, "-m", "runner", "predict", str(run), "-", "--batch-size", str(batch_size)]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(",".join([*(f"x{i}" for i in range(COLUMNS)), "colour"]).encode() + b"\n")
        written = 0
        while written < total:
            process.stdin.write(block)
            written += len(block)
        process.stdin.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return written // len(block) * 20_000, time.perf_counter() - begin, used.ru_maxrss / 1024


def main() -> None:
    """Train, predict twice, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=4096)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        head = ",".join([*(f"x{i}" for i in range(COLUMNS)), "colour", "label"])
        (place / "table.csv").write_text(f"{head}\n{some_rows(500, answers=True)}")
        data = ("data=csv", f"data.path={place / 'table.csv'}", "data.target=label", f"hydra.run.dir={place / 'run'}")
        subprocess.run([sys.executable, "-m", "runner", *data, *OPTIONS], check=True, stdout=subprocess.DEVNULL)
        for gigabytes in (arguments.gigabytes / 10, arguments.gigabytes):
            rows, seconds, peak = predicted(place / "run", int(gigabytes * 1e9), arguments.batch_size)
            print(f"{gigabytes:g} GB: {rows:,} rows, {rows / seconds:,.0f} a second, peak {peak:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
