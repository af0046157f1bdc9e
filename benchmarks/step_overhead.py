"""Microseconds per training step: a hand-written loop, runner with everything on, and PyTorch Lightning.

    python benchmarks/step_overhead.py [--rounds 5] [--epochs 6]

All three do the same work on the same tensors in one process and one thread, in turn, round after round: fused AdamW,
cosine schedule, cross-entropy and accuracy, one parameter group, no clipping, a validation batch of 64 per epoch.
The hand-written loop keeps the data in memory, shuffles once per epoch and takes batches as views. runner runs as a
user would run it: metrics, TensorBoard, checkpoints and progress are on. Lightning has logging, bars and checkpoints
off; it is measured with a DataLoader, as its users have it, and with batches as views, so that its own cost is seen.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import math
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from random_tensors import RandomTensors  # noqa: E402

from runner.cli.progress import Terminal  # noqa: E402
from runner.config.check import resolved  # noqa: E402
from runner.config.recipe import Recipe  # noqa: E402
from runner.run import compose, run  # noqa: E402

CASES = {
    "mlp 64-128-10, batch 64": ["model=mlp", "data.shape=[64]"],
    "cnn 32-64-128-10 on 1x8x8, batch 64": ["model=cnn", "data.shape=[1,8,8]"],
}
LIGHTNING = {"lightning, DataLoader": True, "lightning, views": False}


def overrides(case: str, epochs: int) -> list[str]:
    """The command of a case."""
    return [
        "data=random_tensors",
        *CASES[case],
        "optimizer=adamw",
        "scheduler=cosine",
        "trainer.threads=1",
        "trainer.device=cpu",
        f"trainer.max_epochs={epochs}",
        "trusted_targets=[random_tensors]",
    ]


def new_model(recipe: Recipe, data: RandomTensors) -> nn.Module:
    """The network of a case."""
    torch.manual_seed(0)
    return recipe["model"].make(spec=data.load().spec)


def by_hand(recipe: Recipe, data: RandomTensors, epochs: int) -> float:
    """Seconds per step of the fastest loop we can write by hand."""
    splits = data.load()
    x, y, batch = splits.train.inputs, splits.train.targets, data.batch_size
    model = new_model(recipe, data)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, fused=True)
    steps = len(x) // batch
    parameters = list(model.parameters())
    total, step, times = epochs * steps, 0, []
    for _ in range(epochs):
        begin = time.perf_counter()
        order = torch.randperm(len(x))
        losses, outputs = [], []
        model.train()
        for xb, yb in zip(x[order].split(batch), y[order].split(batch)):
            for group in optimizer.param_groups:
                group["lr"] = 1e-5 + (3e-4 - 1e-5) * (1 + math.cos(math.pi * step / total)) / 2
            for p in parameters:
                p.grad = None  # faster than optimizer.zero_grad(), and so in runner
            out = model(xb)
            loss = F.cross_entropy(out, yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            outputs.append(out.detach())
            step += 1
        torch.stack(losses).mean().item()
        (torch.cat(outputs).argmax(1) == y[order]).float().mean().item()
        model.eval()
        with torch.inference_mode():
            out = model(splits.val.inputs)
            F.cross_entropy(out, splits.val.targets).item()
            (out.argmax(1) == splits.val.targets).float().mean().item()
        times.append((time.perf_counter() - begin) / steps)
    return statistics.median(times[1:])


def by_runner(case: str, epochs: int, folder: Path) -> float:
    """Seconds per step of runner, from the times of whole epochs."""
    moments = []

    class Watch(Terminal):
        def epoch(self, fit, row):
            super().epoch(fit, row)
            moments.append((row["step"], time.perf_counter()))

    with contextlib.redirect_stdout(io.StringIO()):
        run(compose(overrides(case, epochs), str(HERE / "conf")), folder, Watch())
    pairs = zip(moments, moments[1:])
    return statistics.median((t - s) / (m - n) for (n, s), (m, t) in pairs)


def by_lightning(recipe: Recipe, data: RandomTensors, epochs: int, loader: bool) -> float:
    """Seconds per step of PyTorch Lightning, with a DataLoader as its users have, or with batches as views."""
    import pytorch_lightning as pl

    splits = data.load()
    x, y, batch = splits.train.inputs, splits.train.targets, data.batch_size
    times: list[float] = []

    class Shuffled:
        def __len__(self):
            return len(x) // batch

        def __iter__(self):
            order = torch.randperm(len(x))
            return zip(x[order].split(batch), y[order].split(batch))

    class One:
        def __len__(self):
            return 1

        def __iter__(self):
            yield splits.val.inputs, splits.val.targets

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = new_model(recipe, data)
            self.hits = torch.zeros((), dtype=torch.int64)

        def training_step(self, parts, _):
            xb, yb = parts
            out = self.net(xb)
            self.hits += (out.detach().argmax(1) == yb).sum()
            return F.cross_entropy(out, yb)

        def validation_step(self, parts, _):
            out = self.net(parts[0])
            return F.cross_entropy(out, parts[1])

        def on_train_epoch_start(self):
            self.begin = time.perf_counter()

        def on_train_epoch_end(self):
            times.append((time.perf_counter() - self.begin) / (len(x) // batch))

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=3e-4, fused=True)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(x) // batch, 1e-5)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    plain = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch, shuffle=True)
    trainer.fit(Module(), plain if loader else Shuffled(), One())
    return statistics.median(times[1:])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        import pytorch_lightning
    except ImportError:
        pytorch_lightning = None
        print("Lightning is not installed (pip install 'pytorch-lightning>=2.6.4'); measured without it.")
    else:
        print(f"torch {torch.__version__}, pytorch-lightning {pytorch_lightning.__version__}, 1 thread")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as name:
        for case in CASES:
            recipe = Recipe(resolved(compose(overrides(case, arguments.epochs), str(HERE / "conf"))))
            data = recipe.data
            seconds: dict[str, list[float]] = {name: [] for name in ("by hand", "runner", *LIGHTNING)}
            for number in range(arguments.rounds):
                seconds["by hand"].append(by_hand(recipe, data, arguments.epochs))
                seconds["runner"].append(by_runner(case, arguments.epochs, Path(name) / f"{case[:3]}{number}"))
                if pytorch_lightning is not None:
                    for who, loader in LIGHTNING.items():
                        seconds[who].append(by_lightning(recipe, data, arguments.epochs, loader))
            print(f"\n{case}")
            for who, values in seconds.items():
                if values:
                    median = statistics.median(values)
                    spread = f"{min(values) * 1e6:.0f}-{max(values) * 1e6:.0f}"
                    ratio = statistics.median(v / b for v, b in zip(values, seconds["by hand"]))
                    print(f"  {who:22s} {median * 1e6:7.1f} us per step ({spread}), {ratio:.3f} x by hand")
            for who in LIGHTNING:
                ratios = [theirs / ours for theirs, ours in zip(seconds[who], seconds["runner"])]
                if ratios:
                    print(f"  runner is {statistics.median(ratios):.2f} x as fast as {who}")


if __name__ == "__main__":
    main()
