"""Images kept as bytes and scaled batch by batch, beside all of them scaled beforehand: memory, and time per batch.

    python benchmarks/images_in_memory.py [--images 60000] [--side 28] [--channels 1] [--batch 128]

Each way has a process of its own, with one thread. The time is the processor's: others at work change it little.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterable

import torch

from runner.data.image.files import Pixels
from runner.engine.batches import Batches
from runner.engine.split import ScaledSplit, Split, TensorSplit

WAYS = ("scaled beforehand", "kept as bytes")


def measure(way: str, images: int, channels: int, side: int, batch: int) -> str:
    """What keeping the images takes, and what each batch of an epoch does, training and evaluation."""
    torch.set_num_threads(1)
    raw = torch.randint(0, 256, (images, channels, side, side), dtype=torch.uint8)
    targets, pixels = torch.randint(0, 10, (images,)), Pixels("standard", side, side, channels)
    pixels.fit(raw[:1000].numpy())
    split: Split = ScaledSplit(TensorSplit(raw, targets), pixels.module())
    if way == WAYS[0]:
        split = TensorSplit(pixels(raw.numpy()), targets)
        del raw
    batches = Batches(split, batch, torch.device("cpu"))
    drawn = min(_each(batches.updates(epoch)) for epoch in range(5))
    in_order = min(_each(batches.in_order()) for _ in range(5))
    kept = split.kept.inputs.nbytes if isinstance(split, ScaledSplit) else split.inputs.nbytes  # type: ignore[attr-defined]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{way:>18} {kept / 2**20:10,.0f} {peak:10,.0f} {drawn * 1e6:12,.0f} {in_order * 1e6:12,.0f}"


def _each(batches: Iterable[object]) -> float:
    """Seconds of the processor for each of some batches."""
    began = time.process_time()
    count = sum(1 for _ in batches)
    return (time.process_time() - began) / count


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--way", choices=WAYS)
    chosen = parser.parse_args()
    if chosen.way:
        print(measure(chosen.way, chosen.images, chosen.channels, chosen.side, chosen.batch))
        return
    print(f"{'images':>18} {'MiB kept':>10} {'MiB peak':>10} {'us, training':>12} {'us, in order':>12}", flush=True)
    for way in WAYS:
        subprocess.run([sys.executable, *sys.argv, "--way", way], check=True)


if __name__ == "__main__":
    main()
