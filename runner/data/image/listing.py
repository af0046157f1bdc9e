"""Which files of a folder are images."""

import os
from collections.abc import Iterator
from pathlib import Path

from runner.errors import ConfigError, no_file

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


def image_files(folder: Path) -> Iterator[Path]:
    """The images in a folder and in the folders in it, without hidden ones; none when there is no such folder.

    Links to folders are followed, into each folder once.

    Raises:
        ConfigError: a link leads back to a folder around it, or what has the name of an image is no file, such as a
            pipe or a link to nothing.
    """
    if folder.is_dir():
        around = {_identity(path) for path in (*folder.absolute().parents, *folder.resolve().parents)}
        yield from _below(folder, around, set())


def _below(folder: Path, around: set[tuple[int, int]], seen: set[tuple[int, int]]) -> Iterator[Path]:
    me = _identity(folder)
    if me in around:
        raise ConfigError(f"{folder}: a link to a folder around it, whose images would count again. Remove it.")
    if me in seen:
        return
    seen.add(me)
    with os.scandir(folder) as entries:
        inner = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: (e.is_symlink(), e.name))
    for entry in inner:
        path = Path(entry.path)
        real = path if entry.is_symlink() else entry  # an entry raises where links go round in a circle
        if real.is_dir():
            yield from _below(path, around | {me}, seen)
        elif entry.name.lower().endswith(SUFFIXES):
            if not real.is_file():
                raise ConfigError(f"{path}: {no_file(path)} Expected an image. Remove it.")
            yield path


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino
