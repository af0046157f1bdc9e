"""Reading the pictures of emoji out of the package that carries those of a vendor."""

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CATEGORIES = (
    "Activities",
    "Animals & Nature",
    "Flags",
    "Food & Drink",
    "Objects",
    "People & Body",
    "Smileys & Emotion",
    "Symbols",
    "Travel & Places",
)
SIZE = 64  # pixels of the side


@dataclass(frozen=True)
class Drawings:
    """The emoji that belong to a category, in the order of their codes, which is the same for every vendor.

    Attributes:
        pixels: red, green, blue and opacity ``(N, 64, 64, 4)``.
        categories: indices of `CATEGORIES` ``(N,)``.
        emoji: which emoji each is ``(N,)``: those that differ in the tone of the skin alone are one.
        names: of their files, such as ``1f600.png``.
    """

    pixels: NDArray[np.uint8]
    categories: NDArray[np.int64]
    emoji: NDArray[np.int64]
    names: tuple[str, ...]


def read_drawings(archive: Path, vendor: str) -> Drawings:
    """All emoji of a vendor.

    Args:
        archive: the package as it was published, verified.
        vendor: as it is called there.
    """
    pictures: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            folder, _, name = member.name.rpartition("/")
            if folder == f"package/img/{vendor}/64" or member.name == "package/emoji.json":
                file = tar.extractfile(member)
                assert file is not None  # of a plain file
                pictures[name] = file.read()
    from PIL import Image

    known: dict[str, tuple[int, int]] = {}
    for number, entry in enumerate(json.loads(pictures.pop("emoji.json"))):
        if entry["category"] in CATEGORIES:
            for drawn in (entry, *entry.get("skin_variations", {}).values()):
                known[drawn["image"]] = CATEGORIES.index(entry["category"]), number
    names = tuple(sorted(known.keys() & pictures.keys()))
    pixels = np.empty((len(names), SIZE, SIZE, 4), dtype=np.uint8)
    for row, name in zip(pixels, names, strict=True):
        with Image.open(io.BytesIO(pictures[name]), formats=["PNG"]) as image:
            row[:] = np.asarray(image.convert("RGBA"))
    categories, emoji = np.array([known[name] for name in names], dtype=np.int64).T
    return Drawings(pixels, categories.copy(), emoji.copy(), names)


def on_background(pixels: NDArray[np.uint8], colour: tuple[int, int, int], size: int) -> NDArray[np.uint8]:
    """Drawings ``(N, H, W, 4)`` on a plain ground, ``(N, 3, size, size)``; resized bilinearly, antialiased."""
    from PIL import Image

    made = np.empty((len(pixels), 3, size, size), dtype=np.uint8)
    for row, drawn in zip(made, pixels, strict=True):
        image = Image.fromarray(drawn)
        image = Image.alpha_composite(Image.new("RGBA", image.size, colour), image).convert("RGB")
        row[:] = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    return made
