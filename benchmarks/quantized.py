"""How fast variants of a network are beside it: python benchmarks/quantized.py RUN VARIANT... [--batch 1]

Every network is asked in turn, in one process with one thread, so that what else the machine does falls on all alike.
Printed are the median time of a call, its ratio to the first network's, and the size of the file.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from runner.deploy.parent import Parent
from runner.run import load


def size(folder):
    files = [file for file in Path(folder).glob("model.*") if file.suffix != ".json"]
    return sum(file.stat().st_size for file in files) or (Path(folder) / "checkpoints/best.pt").stat().st_size


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--calls", type=int, default=300)
    given = parser.parse_args()
    torch.set_num_threads(1)
    batch = Parent.open(given.folders[0]).data.val.sample(given.batch, 0)
    networks = {folder: load(folder).model for folder in given.folders}
    times = {folder: [] for folder in networks}
    with torch.inference_mode():
        for _ in range(given.calls):
            for folder, network in networks.items():
                begin = time.perf_counter()
                network(batch.inputs, **batch.more)
                times[folder].append(time.perf_counter() - begin)
    first = statistics.median(times[given.folders[0]])
    for folder, taken in times.items():
        median = statistics.median(taken)
        name = Path(folder).resolve().name
        print(f"{name:70} {median * 1e6:9.0f} us  {first / median:6.2f} x faster  {size(folder):12,} bytes")


if __name__ == "__main__":
    main()
