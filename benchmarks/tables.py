"""A million rows from CSV to a trained epoch: seconds and peak memory of ours beside polars and plain torch, in turn.

    PYTHONPATH=. python benchmarks/tables.py [--rows 1000000] [--rounds 3] [--threads 1]

Both read the file, divide it by class, fill gaps by means, encode words one-hot, standardize, train a perceptron of 128
units for an epoch in batches of 1,024 with Adam, and score validation and test part. Ours also checks every value,
computes scores over the epoch, and writes a run folder with checkpoints. Each has a process of its own; memory is what
it had at most, less what it had with everything imported. Seconds are of the processor, of all threads together, which
other programs on the machine change least.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from read_csv import write

MEASURE = """
import json, os, sys, time
def memory(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) / 1024
path, threads = sys.argv[1], int(sys.argv[2])
"""

OURS = """
import polars, torch, runner.data.parts.assemble, runner.data.table.transform, runner.data.csv
from pathlib import Path
import runner.run.assembly as assembly
from runner.run import compose, run
torch.set_num_threads(threads)
inner, spent = assembly.load_data, []
def load(recipe):
    begin = time.process_time()
    data = inner(recipe)
    spent.append(time.process_time() - begin)
    return data
assembly.load_data = load
words = ["data=csv", f"data.path={path}", "data.target=label", "data.batch_size=1024", "trainer.max_epochs=1",
         "trainer.device=cpu", f"trainer.threads={threads}", "scheduler=constant"]
small = Path(path).with_name("small.csv")
run(compose([*words, f"data.path={small}", "trainer.limit_batches=2"]), Path(path).parent / f"warm{os.getpid()}")
spent.clear()
before, begin = memory("VmHWM"), time.process_time()
run(compose(words), Path(path).parent / f"run{os.getpid()}")
seconds = time.process_time() - begin
print(json.dumps([spent[0], seconds - spent[0], seconds, memory("VmHWM") - before]))
"""

PLAIN = """
import polars as pl, torch
from torch import nn
from torch.nn import functional as F
torch.set_num_threads(threads)
torch.manual_seed(0)
torch.optim.Adam([torch.zeros(1, requires_grad=True)], fused=True)
before, begin = memory("VmHWM"), time.process_time()
frame = pl.read_csv(path)
shuffled = frame.with_columns(order=pl.int_range(pl.len()).shuffle(seed=0).over("label"), size=pl.len().over("label"))
share = shuffled["order"] / shuffled["size"]
parts = [frame.filter(share < 0.7), frame.filter((share >= 0.7) & (share < 0.85)), frame.filter(share >= 0.85)]
numbers = [name for name in frame.columns if name[0] == "x"]
words = [name for name in frame.columns if name[0] == "w"]
means, stds = parts[0].select(pl.col(numbers).mean()), None
filled = parts[0].select([pl.col(n).fill_null(means[n][0]) for n in numbers])
stds = filled.select(pl.all().std(ddof=0))
kinds = {n: parts[0][n].fill_null("(missing)").unique().sort() for n in words}
def tensors(part):
    scaled = [((pl.col(n).fill_null(means[n][0]) - means[n][0]) / stds[n][0]).cast(pl.Float32) for n in numbers]
    hot = [(pl.col(n).fill_null("(missing)") == k).cast(pl.Float32).alias(f"{n}={k}") for n in words for k in kinds[n]]
    return part.select(scaled + hot).to_torch(), torch.from_numpy(part["label"].to_numpy(writable=True))
parts = [tensors(part) for part in parts]
loaded = time.process_time() - begin
x, y = parts[0]
model = nn.Sequential(nn.Linear(x.shape[1], 128), nn.ReLU(), nn.Linear(128, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
for rows in torch.randperm(len(x)).split(1024):
    optimizer.zero_grad()
    F.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()
with torch.no_grad():
    for x, y in parts[1:]:
        right = sum((model(a).argmax(1) == b).sum() for a, b in zip(x.split(4096), y.split(4096)))
        right.item() / len(x)
seconds = time.process_time() - begin
print(json.dumps([loaded, seconds - loaded, seconds, memory("VmHWM") - before]))
"""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    programs = {"polars + torch": MEASURE + PLAIN, "ours": MEASURE + OURS}
    found: dict[str, list[list[float]]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write(path, arguments.rows)
        write(path.with_name("small.csv"), 3000)
        print(
            f"{arguments.rows:,} rows, 10 columns, {path.stat().st_size / 2**20:.0f} MiB, {arguments.threads} thread(s)"
        )
        for _ in range(arguments.rounds):
            for name, program in programs.items():
                command = [sys.executable, "-c", program, str(path), str(arguments.threads)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(f"{name}: {done.stderr}")
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{'median':16s} {'load':>8s} {'epoch':>8s} {'seconds':>8s} {'(range)':>13s} {'peak MiB':>9s}")
    medians = {}
    for name, measured in found.items():
        medians[name] = [statistics.median(values) for values in zip(*measured, strict=True)]
        load, epoch, seconds, peak = medians[name]
        spread = f"({min(m[2] for m in measured):.1f}-{max(m[2] for m in measured):.1f})"
        print(f"{name:16s} {load:8.2f} {epoch:8.2f} {seconds:8.2f} {spread:>13s} {peak:9.0f}")
    plain, ours = medians.values()
    load, epoch, seconds, peak = (mine / other for mine, other in zip(ours, plain, strict=True))
    print(f"{'ratio':16s} {load:8.2f} {epoch:8.2f} {seconds:8.2f} {'':13s} {peak:9.2f}")


if __name__ == "__main__":
    main()
