"""Seconds of training until a test accuracy is reached: the recipe for Fashion-MNIST and plain training, in turn.

    python benchmarks/time_to_accuracy.py --accuracy 0.92 --recipe-epochs 4 --plain-epochs 8

Both train the same network on the same examples. Plain is adam at its usual constant rate in fp32, without augmentation
and label smoothing. A cycle is as long as its run, so the recipe's length is given, and it is counted to its end;
of the plain run the first epoch counts whose weights reach the accuracy. Weights of every epoch are kept and tested
afterwards by `python -m runner evaluate`; times are those of training with its evaluations on the validation split.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from runner.run import evaluate_run

NETWORK = ["data=fashion_mnist", "data.split=[0.95,0.05,0.0]", "model=resnet", "model.depth=18", "model.width=0.25"]
PLAIN = [*NETWORK, "optimizer=adam", "scheduler=constant"]
RECIPE = ["experiment=fashion_mnist"]


def reached(words: list[str], epochs: int, accuracy: float, folder: Path) -> float | None:
    """Seconds to the end of the first epoch whose weights reach the accuracy on the test split; None: none does."""
    keep = [f"trainer.max_epochs={epochs}", "trainer.checkpoint.every_epochs=1", "trainer.evaluation=off"]
    subprocess.run([sys.executable, "-m", "runner", *words, *keep, f"hydra.run.dir={folder}"], check=True)
    seconds = {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "train/loss" in record:
            seconds[record["epoch"]] = record["time"]
    first = None
    for epoch in range(1, epochs + 1):
        tested = evaluate_run(folder, "test", f"epoch-{epoch:04d}", evaluation="off")["accuracy"]
        print(f"  epoch {epoch}: {seconds[epoch]:.0f} s, test accuracy {tested:.4f}", flush=True)
        if first is None and tested >= accuracy:
            first = seconds[epoch]
    return first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", type=float, default=0.92)
    parser.add_argument("--recipe-epochs", type=int, default=4)
    parser.add_argument("--plain-epochs", type=int, default=8)
    args = parser.parse_args()
    times = {}
    for name, words, epochs in (("recipe", RECIPE, args.recipe_epochs), ("plain", PLAIN, args.plain_epochs)):
        print(f"{name}: {' '.join(words)}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            times[name] = reached(words, epochs, args.accuracy, Path(folder) / "run")
    told = {name: "not reached" if time is None else f"{time:.0f} s" for name, time in times.items()}
    print(f"to {args.accuracy}: recipe {told['recipe']}, plain {told['plain']}")
    if times["recipe"] and times["plain"]:
        print(f"ratio {times['recipe'] / times['plain']:.2f}")


if __name__ == "__main__":
    main()
