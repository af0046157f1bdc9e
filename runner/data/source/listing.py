"""Which files of a folder are examples."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from runner.errors import ConfigError, no_file


class Files(NamedTuple):
    """A kind of files.

    Attributes:
        suffixes: ends of their names, in lower case.
        one: what such a file is called.
        many: what several are called.
    """

    suffixes: tuple[str, ...]
    one: str
    many: str


def files_in(folder: Path, files: Files) -> Iterator[Path]:
    """The files of a kind in a folder and in the folders in it, without hidden ones; none when there is no such folder.

    Links to folders are followed, into each folder once.

    Raises:
        ConfigError: a link leads back to a folder around it, or what has the name of one is no file, such as a
            pipe or a link to nothing.
    """
    if folder.is_dir():
        around = {_identity(path) for path in (*folder.absolute().parents, *folder.resolve().parents)}
        yield from _below(folder, files, around, set())


def named_files(source: str, files: Files) -> Iterator[Path]:
    """The files that a user named: one of any name, those of a kind in a folder, or ``-``, names in the standard input.

    Raises:
        ConfigError: there is no such file or folder; see also `files_in`.
    """
    if source == "-":
        yield from (Path(line.rstrip("\n")) for line in sys.stdin if line.strip())
        return
    path = Path(os.path.expanduser(source))
    if path.is_dir():
        yield from sorted(files_in(path, files))
    elif path.is_file():
        yield path
    else:
        raise ConfigError(f"{source}: {no_file(path)}")


def _below(folder: Path, files: Files, around: set[tuple[int, int]], seen: set[tuple[int, int]]) -> Iterator[Path]:
    me = _identity(folder)
    if me in around:
        raise ConfigError(f"{folder}: a link to a folder around it, whose {files.many} would count again. Remove it.")
    if me in seen:
        return
    seen.add(me)
    with os.scandir(folder) as entries:
        inner = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: (e.is_symlink(), e.name))
    for entry in inner:
        path = Path(entry.path)
        real = path if entry.is_symlink() else entry  # an entry raises where links go round in a circle
        if real.is_dir():
            yield from _below(path, files, around | {me}, seen)
        elif entry.name.lower().endswith(files.suffixes):
            if not real.is_file():
                raise ConfigError(f"{path}: {no_file(path)} Expected {files.many}. Remove it.")
            yield path


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino
