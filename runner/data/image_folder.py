"""Images of one's own, a folder per class."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from runner.data.base import ImageOption
from runner.data.image.listing import SUFFIXES, image_files
from runner.data.parts.split import Parts, stratified
from runner.data.source.fingerprint import combine, sha256
from runner.data.source.memory import available_memory
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed, did_you_mean

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
    """

    root: str
    image_size: Annotated[int, Ge(1)] = 64
    in_memory: Literal["auto"] | bool = "auto"

    def probe(self) -> Spec:
        """Looks at the folders, not into the images."""
        classes = self._classes(self._part_folders().get("train", self._root()))
        return Spec("classification", self.inputs, Field("class", (), len(classes), tuple(classes)))

    def load(self) -> Data:
        """List, split and decode the images; what doesn't fit in memory is decoded once for the statistics."""
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
        from runner.engine.split import DatasetSplit, Split

        root, folders = self._root(), self._part_folders()
        classes = self._classes(folders.get("train", root))
        paths, labels, sizes = self._listing(list(folders.values()) or [root], classes)
        notes: tuple[str, ...] = ()
        if folders:
            parts = fold_and_fraction(self, self._given(dict(zip(folders, sizes, strict=True)), labels), labels)
            notes = tuple(f"no folder {name}: {fate}" for name, fate in ABSENT.items() if name not in folders)
        else:
            parts = divide(self, len(paths), labels)

        def hashed(path: Path) -> str:
            return f"{path.relative_to(root)} {sha256(path.read_bytes())}"

        fingerprint = combine(in_threads(hashed, paths))
        if self._fits(len(paths)):
            size = self.image_size
            pixels = np.empty((len(paths), 3, size, size), dtype=np.uint8)
            for row, image in zip(pixels, in_threads(self.transform().decode, paths), strict=True):
                row[:] = image
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

        transform = self.transform()
        counts = np.zeros((3, 256), dtype=np.int64)
        if self.scaling != "none":
            for image in in_threads(transform.decode, [paths[i] for i in parts.train]):
                counts += histogram(image[None])
        transform.fit_counts(counts)

        def split(rows: NDArray[np.int64]) -> Split:
            return DatasetSplit(
                ImageFiles([paths[i] for i in rows], labels[rows], transform),
                len(rows),
                place_of=lambda row: str(paths[rows[row]]),
            )

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

        return Pixels(self.scaling, self.image_size, self.image_size, 3, as_sequence=self.as_sequence)

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

    def _fits(self, count: int) -> bool:
        if self.in_memory != "auto":
            return self.in_memory
        needed = count * 3 * self.image_size**2 * 6  # decoded, a copy while scaling, and float32
        return needed <= SHARE_OF_MEMORY * available_memory()


ABSENT = {"val": "taken from train", "test": "no test"}


def subfolders(folder: Path) -> Iterator[Path]:
    """The folders in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        yield from (
            Path(entry.path) for entry in entries if os.path.isdir(entry.path) and not entry.name.startswith(".")
        )
