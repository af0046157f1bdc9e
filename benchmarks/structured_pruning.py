"""Throughput of a network before and after its channels were pruned: ``python benchmarks/structured_pruning.py RUN VARIANT``.

Both are called in turn in one process, on one thread; medians of the times, in milliseconds.
"""

import statistics
import sys
import time

import torch

from runner.deploy.parent import Parent


def main(folders: list[str]) -> None:
    """Print a line for each batch size."""
    torch.set_num_threads(1)
    parents = [Parent.open(folder) for folder in folders]
    models = [parent.network.model for parent in parents]
    for size in (1, 32):
        batch = parents[0].data.val.sample(size, 0)
        times: list[list[float]] = [[] for _ in models]
        with torch.inference_mode():
            for turn in range(60):
                for own, model in zip(times, models, strict=True):
                    begin = time.perf_counter()
                    model(batch.inputs, **batch.more)
                    if turn >= 10:
                        own.append(1e3 * (time.perf_counter() - begin))
        medians = [statistics.median(own) for own in times]
        told = ", ".join(f"{median:.3f} ms ({medians[0] / median:.2f} x)" for median in medians)
        print(f"batch of {size}: {told}")


if __name__ == "__main__":
    main(sys.argv[1:])
