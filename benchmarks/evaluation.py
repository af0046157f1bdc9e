"""What a summary costs at the end of a run: the test pass with ``trainer.evaluation=off`` and ``summary`` in turn.

    python benchmarks/evaluation.py

Each is the pass over the test part and, of the summary, the writing of ``evaluation.json``, in one process; the median
of the repeats. A network of 4 features and 16 hidden units is the least that a pass can cost: all others make the
summary's share smaller.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import torch

from runner.engine.batches import Batches
from runner.engine.precision import Precision
from runner.engine.spec import Spec
from runner.engine.split import TensorSplit
from runner.evaluation.evaluation import scored
from runner.loss.cross_entropy import CrossEntropy
from runner.metric import metrics_for
from runner.record.folder import RunFolder
from runner.run import compose, run
from runner.task.classification import Classification


def costs(rows: int, classes: int, place: RunFolder, repeats: int) -> dict[str, list[float]]:
    """Seconds of the pass and the writing, by level."""
    spec = Spec.classification((4,), classes)
    split = TensorSplit(torch.randn(rows, 4), torch.randint(0, classes, (rows,)))
    batches = Batches(split, 128, torch.device("cpu"))
    network = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, classes))
    metrics = [metric() for metric in metrics_for("classification").values()]
    task, loss, precision = Classification(spec), CrossEntropy(spec), Precision("fp32", torch.device("cpu"))
    seconds: dict[str, list[float]] = {"off": [], "summary": []}
    for _ in range(repeats):
        for level, taken in seconds.items():
            begin = time.perf_counter()
            _, seen = scored(network, batches, task, metrics, loss, precision, level)
            if seen is not None:
                seen.write(place, "test", "best")
            taken.append(time.perf_counter() - begin)
    return seconds


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        words = ["data=digits", "trainer.threads=1", "trainer.images=0", "trainer.evaluation=off"]
        begin = time.perf_counter()
        run(compose(words), Path(folder, "run"))
        whole = time.perf_counter() - begin
        place = RunFolder(Path(folder, "run"))
        print(f"a run on digits as it is by default, 20 epochs: {whole:.2f} s\n")
        print(f"{'rows':>9} {'classes':>7} {'off':>10} {'summary':>10} {'more':>10}")
        for rows, classes, repeats in ((270, 10, 25), (10_000, 10, 15), (100_000, 100, 3), (1_000_000, 2, 3)):
            seconds = costs(rows, classes, place, repeats)
            off, summary = (1000 * statistics.median(seconds[level]) for level in ("off", "summary"))
            print(f"{rows:>9,} {classes:>7} {off:>7.1f} ms {summary:>7.1f} ms {summary - off:>7.1f} ms")


if __name__ == "__main__":
    main()
