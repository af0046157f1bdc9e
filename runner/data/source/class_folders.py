"""Files of one's own, a folder per class."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.data.base import DataOption
from runner.data.parts.split import Parts, stratified
from runner.data.source.fingerprint import combine, sha256_of_file
from runner.data.source.listing import Files, files_in
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file

PARTS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
ABSENT = {"val": "taken from train", "test": "no test"}


class Listed(NamedTuple):
    """Files and their division.

    Attributes:
        paths: the files.
        labels: their classes, indices ``(N,)``.
        classes: names of the classes.
        parts: which of them are in which part.
        notes: on the split, in words.
    """

    paths: list[Path]
    labels: NDArray[np.int64]
    classes: list[str]
    parts: Parts
    notes: tuple[str, ...]


@dataclass(kw_only=True)
class ClassFolders(DataOption):
    """Files under ``root/CLASS/``, or under ``root/{train,val,test}/CLASS/`` where these are split already.

    With folders for the parts, `split` is used only for what is missing: without val, the first two shares divide
    train in their ratio; without test there is none. Classes are the folders' names, sorted.

    Attributes:
        root: the folder.
        split_file: a text or CSV file that says the part of each file: a line ``CLASS/a.png,train`` for each, in any
            order, with the path as it is in `root`; it takes the place of `split` and of folders for the parts.
        files: which files are examples.
    """

    root: str
    split_file: str | None = None
    files: ClassVar[Files]

    def classes(self) -> list[str]:
        """The names of the classes; nothing but folders is looked at.

        Raises:
            ConfigError: there are no such folders.
        """
        self._split_file()
        return self._classes(self._part_folders().get("train", self._root()))

    def listed(self) -> Listed:
        """All files, divided."""
        from runner.data.parts.assemble import divide, fold_and_fraction

        folders, classes = self._part_folders(), self.classes()
        paths, labels, sizes = self._listing(list(folders.values()) or [self._root()], classes)
        notes: tuple[str, ...] = ()
        if told := self._split_file():
            parts = fold_and_fraction(self, self._told(told, paths), labels)
        elif folders:
            parts = fold_and_fraction(self, self._given(dict(zip(folders, sizes, strict=True)), labels), labels)
            notes = tuple(f"no folder {name}: {fate}" for name, fate in ABSENT.items() if name not in folders)
        else:
            parts = divide(self, len(paths), labels)
        return Listed(paths, labels, classes, parts, notes)

    def fingerprint(self, paths: Sequence[Path]) -> str:
        """One hash for the names and the content of files, and for the split that was told."""
        root, told = self._root(), self._split_file()

        def hashed(path: Path) -> str:
            return f"{path.relative_to(root)} {sha256_of_file(path)}"

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return combine([*pool.map(hashed, paths), *([sha256_of_file(told)] if told else [])])

    def _without(self, parts: Parts, bad: Sequence[int], paths: Sequence[Path]) -> tuple[Parts, tuple[str, ...]]:
        """The parts without the files that can't be read, and a note on those."""
        if not bad:
            return parts, ()
        kept = Parts(*(rows[~np.isin(rows, bad)] for rows in parts))
        shown = ", ".join(str(paths[row]) for row in sorted(bad)[:5]) + (", ..." if len(bad) > 5 else "")
        for name in ("train", "val"):
            if not len(getattr(kept, name)):
                raise RunFailed(
                    f"data.root={self.root}: none of the {self.files.many} of {name} can be read, such as {shown}."
                )
        return kept, (f"{len(bad):,} of {len(paths):,} {self.files.many} can't be read and are left out: {shown}",)

    def _root(self) -> Path:
        root = Path(os.path.expanduser(self.root))
        if root.is_dir():
            return root
        beside = [p.name for p in root.parent.iterdir() if p.is_dir()] if root.parent.is_dir() else []
        raise ConfigError(
            f"data.root={self.root}: there is no such folder.{did_you_mean(root.name, beside)} "
            f"Expected a folder that holds a folder of {self.files.many} per class."
        )

    def _part_folders(self) -> dict[str, Path]:
        """The folders of the parts by name; empty when the folders in the root are the classes."""
        root = self._root()
        train = root / "train"
        if not train.is_dir() or not any(subfolders(train)):  # a class may be called train
            return {}
        found = {part: [root / name for name in names if (root / name).is_dir()] for part, names in PARTS.items()}
        return {part: folders[0] for part, folders in found.items() if folders}

    def _classes(self, folder: Path) -> list[str]:
        classes = sorted(path.name for path in subfolders(folder))
        if len(classes) < 2:
            raise ConfigError(
                f"data.root={self.root}: {folder} holds {len(classes)} folder(s); expected one per class, at least two."
            )
        for name in classes:
            if next(files_in(folder / name, self.files), None) is None:
                raise ConfigError(
                    f"data.root={self.root}: no {self.files.one} in {folder / name}. Known: "
                    f"{', '.join(self.files.suffixes)}."
                )
        return classes

    def _listing(self, folders: Sequence[Path], classes: list[str]) -> tuple[list[Path], NDArray[np.int64], list[int]]:
        """All files folder by folder, their classes, and how many each folder has."""
        paths: list[Path] = []
        labels: list[int] = []
        sizes = []
        for folder in folders:
            unknown = [path.name for path in subfolders(folder) if path.name not in classes]
            if unknown:
                raise RunFailed(
                    f"{folder / unknown[0]}: there is no class {unknown[0]} in the training folder."
                    f"{did_you_mean(unknown[0], classes)} Its classes: {', '.join(classes[:20])}."
                )
            before = len(paths)
            for label, name in enumerate(classes):
                found = sorted(files_in(folder / name, self.files))
                paths += found
                labels += [label] * len(found)
            if len(paths) == before:
                raise RunFailed(f"{folder}: no {self.files.one} in its class folders. Add some, or remove the folder.")
            sizes.append(len(paths) - before)
        return paths, np.array(labels, dtype=np.int64), sizes

    def _given(self, sizes: dict[str, int], labels: NDArray[np.int64]) -> Parts:
        ends = np.cumsum(list(sizes.values()))
        rows = {part: np.arange(end - sizes[part], end) for part, end in zip(sizes, ends, strict=True)}
        none = np.arange(0)
        if "val" in rows:
            return Parts(rows["train"], rows["val"], rows.get("test", none))
        train, val, _ = self.split
        inner = stratified(labels[rows["train"]], (train / (train + val), val / (train + val), 0.0), self.split_seed)
        if not len(inner.val):
            raise RunFailed(
                f"data.split={list(self.split)} leaves no example for val out of the {sizes['train']:,} for training. "
                f"Give it a larger share, or use more {self.files.many}."
            )
        return Parts(inner.train, inner.val, rows.get("test", none))

    def _split_file(self) -> Path | None:
        if self.split_file is None:
            return None
        path = Path(os.path.expanduser(self.split_file))
        if not path.is_file():
            raise ConfigError(f"data.split_file={self.split_file}: {no_file(path)}")
        return path

    def _told(self, file: Path, paths: Sequence[Path]) -> Parts:
        """The parts of files as a text says."""
        from runner.data.parts.split_file import read_parts

        root = self._root()
        names = [path.relative_to(root).as_posix() for path in paths]
        told = np.array(read_parts(file, "data.split_file", len(names), names))
        parts = Parts(*(np.flatnonzero(told == name) for name in Parts._fields))
        for name in ("train", "val"):
            if not len(getattr(parts, name)):
                raise RunFailed(f"data.split_file={self.split_file}: no {self.files.one} is in {name}.")
        return parts


def subfolders(folder: Path) -> Iterator[Path]:
    """The folders in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        yield from (
            Path(entry.path) for entry in entries if os.path.isdir(entry.path) and not entry.name.startswith(".")
        )
