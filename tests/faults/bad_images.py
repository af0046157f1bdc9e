"""One truncated PNG among ten thousand: a run stops and names it, or leaves it out and counts it, by choice.

Both where images are kept in memory and where a worker decodes them while training. What is left is trained with: all
images but one, and where none is skipped, no result.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from runner.cli.verbs import answer

COMMAND = ["data=image_folder", "data.root=images", "data.image_size=8", "data.batch_size=256", "model.hidden=[8]"]
COMMAND += ["trainer.max_epochs=1", "trainer.images=0", "trainer.threads=1"]
CLASSES = ("cat", "dog")


def write(folder: Path, count: int) -> Path:
    """As many images of two classes; gives the one in the middle of the second, cut short."""
    draw = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    pixels = draw.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / CLASSES[number % 2] / f"{number:05}.png", compress_level=1)
    bad = folder / CLASSES[1] / f"{count // 2 | 1:05}.png"
    bad.write_bytes(bad.read_bytes()[:-60])
    return bad


def wrong(count: int, bad: Path, choice: str, memory: bool) -> list[str]:
    """What is wrong with how a run took it."""
    said, folder = io.StringIO(), Path(f"{choice}-{memory}")
    words = [f"data.on_bad_image={choice}", f"data.in_memory={memory}", f"data.num_workers={int(not memory)}"]
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = answer([*COMMAND, *words, f"hydra.run.dir={folder}"])
    text = " ".join(said.getvalue().split())
    found = []
    if str(bad) not in text or "Traceback" in text:
        found.append(f"said: {text!r}")
    if choice == "stop":
        if code != 1 or ((folder / "result.json").exists() and not _failed(folder)):
            found.append(f"exit {code}, expected 1 and a run that failed")
        return found
    told = json.loads((folder / "manifest.json").read_text())["data"]
    sizes = sum(told[part] for part in ("train", "val", "test"))
    if code or sizes != count - 1 or f"1 of {count:,} images can't be read and are left out" not in text:
        found.append(f"exit {code} with {sizes:,} images of {count:,}")
    return found


def _failed(folder: Path) -> bool:
    return bool(json.loads((folder / "result.json").read_text())["status"] == "failed")
