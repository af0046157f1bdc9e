"""Every regularization option against none: the same small cnn, data and budget, three seeds, on Fashion-MNIST.

    python benchmarks/regularization.py              # trains (resumes what is there), prints and writes the table
    python benchmarks/regularization.py --workers 4

The runs are a sweep of their own in `outputs/sweeps/regularization`; each is tested with the weights of its best
validation loss. The table goes between the markers of docs/regularization.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch

from runner.config.check import check_run
from runner.config.options import CONF, Options
from runner.errors import ConfigError
from runner.run import compose, evaluate_run

SETTING = [
    "data=fashion_mnist",
    "data.fraction=0.1",
    "data.batch_size=64",
    "model=cnn",
    "model.channels=[16,32]",
    "model.head=[64]",
    "trainer.max_epochs=15",
    "trainer.images=0",
    "trainer.threads=1",
]
PAGE = CONF.parent / "docs" / "regularization.md"
BEGIN, END = "<!-- table: python benchmarks/regularization.py -->", "<!-- end of table -->"
T95 = {2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262}  # two-sided 95 % of Student's t, by degrees of freedom


class Row(NamedTuple):
    """What the seeds of one option gave, seed by seed."""

    name: str
    test: list[float]
    train: list[float]


def fitting() -> tuple[list[str], dict[str, str]]:
    """The options that this network and these data can have, and why not the others."""
    taken, refused = ["none"], {}
    for name in Options().names("regularization"):
        try:
            check_run(compose([*SETTING, f"regularization=[{name}]"] if name != "none" else SETTING))
        except ConfigError as error:
            refused[name] = str(error)
        else:
            taken += [name] if name != "none" else []
    return taken, refused


def sweep(names: list[str], seeds: int, workers: int, folder: str) -> None:
    """Train all of them; what is complete already is kept."""
    command = [sys.executable, "-m", "runner", "--multirun", f"regularization={','.join(names)}", *SETTING]
    command += [f"hydra.sweeper.repeats={seeds}", f"hydra.sweeper.workers={workers}", f"hydra.sweep.dir={folder}"]
    command += ["hydra.sweeper.retries=1"]  # trials that something else interrupted
    subprocess.run(command, check=True)


def read(folder: Path) -> list[Row]:
    """Test every trial once, and gather by option."""
    found: dict[str, Row] = {}
    with open(folder / "trials.csv", newline="") as file:
        trials = list(csv.DictReader(file))
    for trial in trials:
        run, name = folder / trial["folder"], trial["regularization"]
        kept = run / "test.json"
        if not kept.exists():
            kept.write_text(json.dumps(evaluate_run(run, "test")))
        row = found.setdefault(name, Row(name, [], []))
        row.test.append(100 * json.loads(kept.read_text())["accuracy"])
        last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
        row.train.append(100 * last["train/accuracy"])
    return list(found.values())


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def table(rows: list[Row]) -> str:
    """Markdown, best first; differences are paired by seed."""
    plain = next(row for row in rows if row.name == "none")
    lines = [
        "| `regularization=` | test accuracy, % | against none, points (95 % interval) | | train accuracy, % |",
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: -statistics.mean(row.test)):
        gains = [a - b for a, b in zip(row.test, plain.test, strict=True)]
        gain, verdict = "", ""
        if row is not plain:
            half = T95[len(gains) - 1] * statistics.stdev(gains) / math.sqrt(len(gains))
            mean = statistics.mean(gains)
            gain = f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})"
            verdict = "not told apart" if abs(mean) <= half else "helps" if mean > 0 else "**hurts**"
        cells = [f"`{row.name}`", spread(row.test), gain, verdict, f"{statistics.mean(row.train):.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, choices=sorted(k + 1 for k in T95), help="runs per option")
    parser.add_argument("--workers", type=int, default=2, help="runs at the same time")
    parser.add_argument("--folder", default="outputs/sweeps/regularization", help="where the runs lie")
    arguments = parser.parse_args()
    names, refused = fitting()
    sweep(names, arguments.seeds, arguments.workers, arguments.folder)
    text = [table(read(Path(arguments.folder))), ""]
    text += [f"Not with this network: `{name}` ({reason.rstrip('.')})." for name, reason in refused.items()]
    text += ["", f"torch {torch.__version__}, {arguments.seeds} seeds; `{' '.join(SETTING)}`."]
    block = "\n".join([BEGIN, "", *text, "", END])
    print(block)
    page = PAGE.read_text()
    PAGE.write_text(re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, page, flags=re.DOTALL))


if __name__ == "__main__":
    main()
