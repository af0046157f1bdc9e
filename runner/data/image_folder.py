"""Images of one's own, a folder per class."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from runner.data.base import ImageOption
from runner.data.image.listing import SUFFIXES, image_files
from runner.data.parts.split import Parts, stratified
from runner.data.source.fingerprint import combine, sha256, sha256_of_file
from runner.data.source.memory import available_memory
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file

if TYPE_CHECKING:
    from runner.data.image.files import Pixels

PARTS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
SHARE_OF_MEMORY = 0.25  # other runs of a sweep want some too


@dataclass(kw_only=True)
class ImageFolder(ImageOption):
    """Images under ``root/CLASS/``, or under ``root/{train,val,test}/CLASS/`` where these are split already.

    With folders for the parts, `split` is used only for what is missing: without val, the first two shares divide
    train in their ratio; without test there is none. Classes are the folders' names, sorted.

    Attributes:
        root: the folder.
        image_size: height and width in pixels: the shorter side is resized to it, then the centre is cut out.
        in_memory: decode everything once and keep it; ``auto`` does so when it takes at most a quarter of the free
            memory. Else workers decode while training (`num_workers`).
        on_bad_image: what to do about a file that can't be read as an image: ``stop``, or leave it out (``skip``) and
            say how many were; no other image is moved to another part by it. Then all are decoded once beforehand.
        resize: pixels that the shorter side is resized to, at least `image_size`; None: `image_size` itself. Networks
            of ImageNet are scored with 256 and an `image_size` of 224.
        split_file: a text or CSV file that says the part of each image: a line ``CLASS/a.png,train`` for each, in any
            order, with the path as it is in `root`; it takes the place of `split` and of folders for the parts.

    Raises:
        ConfigError: `resize` is less than `image_size`.
    """

    root: str
    image_size: Annotated[int, Ge(1)] = 64
    in_memory: Literal["auto"] | bool = "auto"
    on_bad_image: Literal["stop", "skip"] = "stop"
    resize: Annotated[int, Ge(1)] | None = None
    split_file: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resize is not None and self.resize < self.image_size:
            raise ConfigError(
                f"data.resize={self.resize}: expected at least data.image_size={self.image_size}, which is cut out."
            )

    def probe(self) -> Spec:
        """Looks at the folders, not into the images."""
        self._split_file()
        classes = self._classes(self._part_folders().get("train", self._root()))
        return Spec("classification", self.inputs, Field("class", (), len(classes), tuple(classes)))

    def load(self) -> Data:
        """List, split and decode the images; what doesn't fit in memory is decoded once for the statistics."""
        import torch

        from runner.data.image.files import ImageFiles, in_threads
        from runner.data.parts.assemble import (
            classes_spec,
            divide,
            fold_and_fraction,
            images,
            in_parts,
            missing_classes,
        )
        from runner.data.parts.scaling import histogram
        from runner.engine.split import DatasetSplit, ScaledSplit, Split

        root, folders = self._root(), self._part_folders()
        classes = self._classes(folders.get("train", root))
        paths, labels, sizes = self._listing(list(folders.values()) or [root], classes)
        notes: tuple[str, ...] = ()
        if told := self._split_file():
            parts = fold_and_fraction(self, self._told(told, paths), labels)
        elif folders:
            parts = fold_and_fraction(self, self._given(dict(zip(folders, sizes, strict=True)), labels), labels)
            notes = tuple(f"no folder {name}: {fate}" for name, fate in ABSENT.items() if name not in folders)
        else:
            parts = divide(self, len(paths), labels)

        def hashed(path: Path) -> str:
            return f"{path.relative_to(root)} {sha256(path.read_bytes())}"

        fingerprint = combine([*in_threads(hashed, paths), *([sha256_of_file(told)] if told else [])])
        transform, bad = self.transform(), list[int]()

        def decoded(rows: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
            """The images numbered `rows`, without those that can't be read and may be left out."""
            for row, image in zip(rows, in_threads(self._decoder(transform), [paths[i] for i in rows]), strict=True):
                if image is None:
                    bad.append(row)
                else:
                    yield row, image

        if self._fits(len(paths)):
            size = self.image_size
            pixels = np.empty((len(paths), 3, size, size), dtype=np.uint8)
            for row, image in decoded(range(len(paths))):
                pixels[row] = image
            parts, left_out = self._without(parts, bad, paths)
            notes += left_out
            return images(
                self,
                pixels,
                labels,
                parts,
                class_names=classes,
                fingerprint=fingerprint,
                notes=notes,
                places=[str(path) for path in paths],
            )

        counts = np.zeros((3, 256), dtype=np.int64)
        if self.scaling != "none" or self.on_bad_image == "skip":
            for _, image in decoded(parts.train):
                counts += histogram(image[None])
        if self.on_bad_image == "skip":
            for _ in decoded(np.concatenate([parts.val, parts.test])):
                pass
        transform.fit_counts(counts)
        parts, left_out = self._without(parts, bad, paths)
        notes += left_out

        def split(rows: NDArray[np.int64]) -> Split:
            files = DatasetSplit(
                ImageFiles([paths[i] for i in rows], labels[rows], transform),
                len(rows),
                place_of=lambda row: str(paths[rows[row]]),
                labels=torch.from_numpy(labels[rows]),
            )
            return ScaledSplit(files, transform.module())

        return Data(
            classes_spec(labels, parts, classes, transform.field),
            in_parts(parts, split),
            fingerprint,
            transform,
            notes + missing_classes(labels, parts, classes),
        )

    def transform(self) -> "Pixels":
        """See `DataOption.transform`."""
        from runner.data.image.files import Pixels

        size = self.image_size
        return Pixels(self.scaling, size, size, 3, as_sequence=self.as_sequence, cover=self.resize)

    def _decoder(self, transform: "Pixels") -> Callable[[Path], NDArray[np.uint8] | None]:
        from runner.data.image.files import WAY_OUT

        def decode(path: Path) -> NDArray[np.uint8] | None:
            try:
                return transform.decode(path)
            except RunFailed as error:
                if self.on_bad_image == "skip":
                    return None
                raise RunFailed(f"{error} {WAY_OUT}") from error

        return decode

    def _without(self, parts: Parts, bad: Sequence[int], paths: Sequence[Path]) -> tuple[Parts, tuple[str, ...]]:
        """The parts without the images that can't be read, and a note on those."""
        if not bad:
            return parts, ()
        kept = Parts(*(rows[~np.isin(rows, bad)] for rows in parts))
        shown = ", ".join(str(paths[row]) for row in sorted(bad)[:5]) + (", ..." if len(bad) > 5 else "")
        for name in ("train", "val"):
            if not len(getattr(kept, name)):
                raise RunFailed(f"data.root={self.root}: none of the images of {name} can be read, such as {shown}.")
        return kept, (f"{len(bad):,} of {len(paths):,} images can't be read and are left out: {shown}",)

    def _root(self) -> Path:
        root = Path(os.path.expanduser(self.root))
        if root.is_dir():
            return root
        beside = [p.name for p in root.parent.iterdir() if p.is_dir()] if root.parent.is_dir() else []
        raise ConfigError(
            f"data.root={self.root}: there is no such folder.{did_you_mean(root.name, beside)} "
            "Expected a folder that holds a folder of images per class."
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
            if next(image_files(folder / name), None) is None:
                raise ConfigError(f"data.root={self.root}: no image in {folder / name}. Known: {', '.join(SUFFIXES)}.")
        return classes

    def _listing(self, folders: Sequence[Path], classes: list[str]) -> tuple[list[Path], NDArray[np.int64], list[int]]:
        """All images folder by folder, their classes, and how many each folder has."""
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
                found = sorted(image_files(folder / name))
                paths += found
                labels += [label] * len(found)
            if len(paths) == before:
                raise RunFailed(f"{folder}: no image in its class folders. Add some, or remove the folder.")
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
                "Give it a larger share, or use more images."
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
        """The parts of images as a file says."""
        from runner.data.parts.split_file import read_parts

        root = self._root()
        names = [path.relative_to(root).as_posix() for path in paths]
        told = np.array(read_parts(file, "data.split_file", len(names), names))
        parts = Parts(*(np.flatnonzero(told == name) for name in Parts._fields))
        for name in ("train", "val"):
            if not len(getattr(parts, name)):
                raise RunFailed(f"data.split_file={self.split_file}: no image is in {name}.")
        return parts

    def _fits(self, count: int) -> bool:
        if self.in_memory != "auto":
            return self.in_memory
        needed = count * 3 * self.image_size**2 * 2  # a byte for each value, and a copy while they are divided
        return needed <= SHARE_OF_MEMORY * available_memory()


ABSENT = {"val": "taken from train", "test": "no test"}


def subfolders(folder: Path) -> Iterator[Path]:
    """The folders in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        yield from (
            Path(entry.path) for entry in entries if os.path.isdir(entry.path) and not entry.name.startswith(".")
        )
