"""Reading image files: listing, decoding, and a dataset of files that are decoded while training."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from runner.data.scaling import Scale
from runner.errors import RunFailed

T = TypeVar("T")


def decode(path: Path, size: int) -> NDArray[np.uint8]:
    """One image as RGB ``(3, size, size)``: the shorter side resized (bilinear, antialiased), then the centre cut out.

    The camera's orientation is applied, transparency becomes white, 16-bit grey is reduced to 8 bits.

    Raises:
        RunFailed: the file is damaged or no image.
    """
    try:
        with Image.open(path) as file:
            image: Image.Image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I;16"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            elif image.mode in ("I", "F"):
                raise ValueError("32 bits per pixel; expected 8 or 16")
            elif image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return np.asarray(_fitted(image.convert("RGB"), size)).transpose(2, 0, 1)
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise RunFailed(f"{path} can't be read as an image ({error}). Repair it or remove it.") from error


def _fitted(image: Image.Image, size: int) -> Image.Image:
    width, height = image.size
    short = min(width, height)
    width, height = size * width // short, size * height // short
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + size, top + size))


def in_threads(function: Callable[[Path], T], paths: Sequence[Path], chunk: int = 1024) -> Iterator[T]:
    """`function` of every path, in order, on all cores, `chunk` at a time. Pillow decodes without the GIL."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), chunk):
            yield from pool.map(function, paths[start : start + chunk])


class ImageFiles(Dataset[tuple[Tensor, Tensor]]):
    """Image files with their classes, decoded when asked for.

    Args:
        paths: the files.
        labels: class indices ``(N,)``.
        size: as in `decode`.
        scale: applied to each image.
    """

    def __init__(self, paths: Sequence[Path], labels: NDArray[np.int64], size: int, scale: Scale) -> None:
        # As arrays of bytes: a list of a million objects would be copied into every worker as its counts are touched.
        self.paths = np.array([os.fsencode(path) for path in paths])
        self.labels, self.size, self.scale = torch.from_numpy(labels), size, scale

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        pixels = decode(Path(os.fsdecode(self.paths[index])), self.size)
        return torch.from_numpy(self.scale.images(pixels)), self.labels[index]
