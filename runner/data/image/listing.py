"""Which files of a folder are images."""

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


def image_files(folder: Path) -> Iterator[Path]:
    """The images in a folder and in the folders in it, without hidden ones; none when there is no such folder."""
    for place, inner, files in os.walk(folder, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(place, n) for n in files if n.lower().endswith(SUFFIXES) and not n.startswith("."))
