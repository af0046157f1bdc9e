"""Short runs whose every loss is known to the bit: what a change of structure must leave as it is."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from runner.engine.progress import Progress
from runner.run import compose, run

STORED = Path(__file__).with_name("curves.json")

# Nothing here stands in the list of what is to change: each of them is the same run tomorrow.
COMPOSITIONS = {
    "mlp": ["model=mlp", "model.dropout=0.2"],
    "mlp, table, class weights, nesterov": [
        "data=wine", "optimizer=nesterov", "loss.weight=balanced", "loss=cross_entropy", "model.norm=batch",
        "data.batch_size=16", "scheduler=step", "regularization=[l1,max_norm]",
    ],
    "mlp, regression, sgd, plateau": [
        "data=diabetes", "optimizer=sgd", "optimizer.lr=0.01", "scheduler=plateau", "loss=huber", "data.drop_last=true",
    ],
    "mlp, csv": ["data=csv", "data.path={table}", "data.target=kind", "data.missing=constant", "optimizer=rmsprop"],
    "mlp, csv, regression": [
        "data=csv", "data.path={table}", "data.target=size", "data.missing=drop", "data.group=group", "optimizer=adamw",
        "optimizer.lr=0.001", "optimizer.weight_decay=0.1",
    ],
    "mlp, one logit, schedule-free": [
        "data=breast_cancer", "loss=binary_cross_entropy", "optimizer=schedule_free_adamw", "scheduler=constant",
    ],
    "mlp, growing batches, lookahead": [
        "loss=focal", "optimizer=lookahead", "batch_growth=step", "batch_growth.step_size=1", "init=orthogonal",
        "regularization=[gradient_noise,confidence_penalty]",
    ],
    "cnn, accumulation": [
        "model=cnn", "optimizer=momentum", "scheduler=onecycle", "warmup=linear", "trainer.accumulate=3",
        "regularization=[dropout,label_smoothing]",
    ],
    "cnn, mixing, sam, bf16": [
        "model=cnn", "optimizer=sam", "regularization=[mixup,cutmix]", "trainer.precision=bf16", "trainer.accumulate=2",
    ],
    "cnn, augmentation, rdrop": [
        "model=cnn", "model.norm=group", "optimizer=muon", "regularization=[rdrop,spatial_dropout]",
        "augmentation=[flip,crop,rotation,cutout,noise]",
    ],
    "cnn, image files, workers": [
        "data=image_folder", "data.root={images}", "data.image_size=12", "data.in_memory=false", "data.num_workers=2",
        "model=cnn", "model.norm=batch", "data.batch_size=8", "augmentation=[flip,crop]",
    ],
    "resnet, ema, clipping": [
        "model=resnet", "model.width=0.25", "optimizer=adamw", "optimizer.lr=0.001", "regularization=[ema]",
        "regularization.ema.decay=0.9", "trainer.clip_norm=0.5", "trainer.accumulate=2", "data.batch_size=16",
    ],
    "lstm": ["model=lstm", "optimizer=nadam", "scheduler=cosine_restarts", "scheduler.T_0=1", "trainer.clip_value=0.1"],
    "gru, as sequence, frozen": [
        "model=gru", "data.as_sequence=true", "optimizer=adagrad", "regularization=[freeze,elastic_net]",
        "regularization.freeze.unfreeze_epoch=2",
    ],
}  # fmt: skip
SHORT = ["trainer.threads=1", "trainer.device=cpu", "trainer.images=0", "trainer.log_every=1", "trainer.max_epochs=3",
         "trainer.limit_batches=6", "diagnostics=none"]  # fmt: skip


def environment() -> dict[str, str]:
    """What the bits of a sum depend on besides the code."""
    words = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in words.splitlines())}
    kind = [told.get(key, "") for key in ("vendor_id", "cpu family", "model", "stepping")]  # names are often the same
    wide = sorted(flag for flag in told.get("flags", "").split() if flag.startswith(("amx", "avx")))
    return {
        "torch": torch.__version__.partition("+")[0],
        "processor": " ".join(kind) if told else platform.processor(),
        "wide": " ".join(wide),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }


def write_files(folder: Path) -> dict[str, str]:
    """A table with gaps and a folder of images, always the same."""
    draw = np.random.default_rng(0)
    lines = ["size,colour,weight,group,kind"]
    for i in range(240):
        kind, size = "abc"[i % 3], draw.normal(i % 3, 1.0)
        colour = ["red", "green", "", "blue"][draw.integers(4)]
        weight = "" if i % 11 == 0 else f"{draw.normal(size, 0.5):.4f}"
        lines.append(f"{size:.4f},{colour},{weight},g{i % 24},{kind}")
    table = folder / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    for label in ("left", "right"):
        (folder / "images" / label).mkdir(parents=True)
        for i in range(40):
            pixels = draw.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            pixels[:, :6] //= 4 if label == "left" else 1
            Image.fromarray(pixels).save(folder / "images" / label / f"{i:02d}.png")
    return {"table": str(table), "images": str(folder / "images")}


class _Watch(Progress):
    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rows: list[dict[str, float]] = []

    def started(self, fit) -> None:
        self.fit = fit

    def interval(self, fit, scores) -> None:
        self.losses.append(scores["train/loss"])

    def epoch(self, fit, row) -> None:
        self.rows.append({name: value for name, value in row.items() if name.startswith("val/")})


def weights_hash(model: torch.nn.Module) -> str:
    """SHA-256 of all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def curve(name: str, folder: Path, files: dict[str, str]) -> dict:
    """Train one composition: its losses, its scores and the hash of its weights, in plain containers."""
    watch = _Watch()
    overrides = [o.format(**files) for o in COMPOSITIONS[name]]
    result = run(compose([*overrides, *SHORT]), folder, watch)
    measured = {
        "losses": watch.losses, "val": watch.rows, "test": result["test"], "weights": weights_hash(watch.fit.model),
    }  # fmt: skip
    return json.loads(json.dumps(measured))


if __name__ == "__main__":  # what the tests call in a process of its own: no other test has been at torch before
    place = Path(sys.argv[1])
    made = write_files(place)
    curves = {name: curve(name, place / str(number), made) for number, name in enumerate(COMPOSITIONS)}
    print(json.dumps({"environment": environment(), "curves": curves}, indent=1))


def measure(folder: Path) -> dict:
    """All curves, from a process of its own with one thread."""
    command = [sys.executable, "-m", "tests.golden.compositions", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
