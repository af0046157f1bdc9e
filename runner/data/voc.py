"""Images with boxes and masks in the format of the Pascal VOC challenges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from runner.data.annotated.labelled import Boxes, Labelled, Mask
from runner.data.annotated.option import AnnotatedOption, Listing
from runner.data.annotated.xml import element
from runner.data.source.fingerprint import combine, sha256
from runner.engine.spec import IGNORED
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
VOID = 255  # the pixels of a mask that count for nothing


@dataclass(kw_only=True)
class Voc(AnnotatedOption):
    """A folder with ``JPEGImages``, ``Annotations`` (XML), ``SegmentationClass`` (PNG) and ``ImageSets``.

    The parts are the lists ``train.txt``, ``val.txt`` and ``test.txt`` in ``ImageSets/Main``, for masks in
    ``ImageSets/Segmentation``. Boxes begin at pixel 1 in the files and at 0 in targets. The outlines of things (255 in
    masks) count for nothing.

    Attributes:
        classes: names; None: the challenge's twenty.
        difficult: whether things that are marked as difficult are asked for.

    Source: Everingham et al. 2010, "The Pascal Visual Object Classes (VOC) Challenge".
    """

    classes: tuple[str, ...] | None = None
    difficult: bool = False

    def names(self) -> tuple[str, ...]:
        """See `AnnotatedOption.names`."""
        self._home()
        return self.classes or CLASSES

    def listing(self) -> Listing:
        """See `AnnotatedOption.listing`."""
        home, names = self._home(), self.names()
        lists = home / "ImageSets" / ("Segmentation" if self.task == "segmentation" else "Main")
        hashes: list[str] = []
        parts: dict[str, list[Labelled]] = {}
        left_out = 0
        for part in ("train", "val", "test"):
            if not (lists / f"{part}.txt").is_file():
                continue
            parts[part] = []
            for name in _listed(lists / f"{part}.txt"):
                image = _image(home / "JPEGImages", name)
                if self.task == "segmentation":
                    path = home / "SegmentationClass" / f"{name}.png"
                    if not path.is_file():
                        raise RunFailed(f"{path}: {no_file(path)} {lists / part}.txt names it.")
                    item = Labelled(
                        image, str(path), None, np.zeros((0, 5), np.float32), partial(_mask, path, len(names))
                    )
                else:
                    path = home / "Annotations" / f"{name}.xml"
                    size, boxes, hard = _annotation(path, names)
                    left_out += 0 if self.difficult else int(hard.sum())
                    item = Labelled(image, str(path), size, boxes if self.difficult else boxes[~hard])
                hashes.append(f"{part} {name} {sha256(path.read_bytes())}")
                parts[part].append(item)
        notes = (f"{left_out} things marked as difficult are left out",) if left_out else ()
        return Listing(names, parts, combine(hashes), notes)

    def _home(self) -> Path:
        """The folder that holds ``ImageSets``: the root, or one like ``VOCdevkit/VOC2012`` in it."""
        root = self.folder()
        found = [root] if (root / "ImageSets").is_dir() else sorted(
            path.parent for pattern in ("VOC*", "VOCdevkit/VOC*") for path in root.glob(f"{pattern}/ImageSets")
        )  # fmt: skip
        if len(found) != 1:
            which = f"{len(found)} of them: {', '.join(map(str, found))}. Name one" if found else "none"
            raise ConfigError(
                f"data.root={self.root}: expected a folder with JPEGImages, Annotations and ImageSets, or one like "
                f"VOCdevkit/VOC2012 in it; there is {which}."
            )
        kind = "Segmentation" if self.task == "segmentation" else "Main"
        if not (first := found[0] / "ImageSets" / kind / "train.txt").is_file():
            raise ConfigError(f"data.root={self.root}: {first}: {no_file(first)} It lists the images to learn from.")
        return found[0]


def _listed(path: Path) -> list[str]:
    """The names in a list of images."""
    names = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.split()]
    for name in names:
        if Path(name).name != name:
            raise RunFailed(f"{path}: {name!r} is no name of an image. Expected one without a folder and a suffix.")
    if not names:
        raise RunFailed(f"{path}: names no image.")
    return names


def _image(folder: Path, name: str) -> Path:
    found = (folder / f"{name}{suffix}" for suffix in (".jpg", ".jpeg", ".png"))
    return next((path for path in found if path.is_file()), folder / f"{name}.jpg")


def _annotation(path: Path, names: tuple[str, ...]) -> tuple[tuple[int, int] | None, Boxes, Mask]:
    """The image's size, the boxes, and which of them are difficult."""
    root = element(path)

    def number(node: object, key: str) -> float:
        text = node.findtext(key, "") if node is not None else ""  # type: ignore[attr-defined]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise RunFailed(f"{path}: {key} is {text.strip()[:40]!r}. Expected a number.")
        return value

    size = None
    if root.find("size") is not None:
        size = (int(number(root.find("size"), "width")), int(number(root.find("size"), "height")))
    rows, hard = [], []
    for thing in root.iter("object"):
        name = thing.findtext("name", "").strip()
        if name not in names:
            raise RunFailed(
                f"{path}: there is no class {name[:40]!r}.{did_you_mean(name, names)} data.classes=[...] names "
                "those of data of your own."
            )
        box = thing.find("bndbox")
        left, top, right, bottom = (number(box, key) for key in ("xmin", "ymin", "xmax", "ymax"))
        rows.append([names.index(name), left - 1, top - 1, right, bottom])  # the first pixel is 1, the last inside
        hard.append(thing.findtext("difficult", "0").strip() == "1")
    return size if size and min(size) > 0 else None, np.array(rows, np.float32).reshape(-1, 5), np.array(hard, bool)


def _mask(path: Path, classes: int, width: int, height: int) -> Mask:
    """The classes of pixels ``(height, width)`` of a mask file, by the palette's numbers or colours."""
    from PIL import Image

    try:
        with Image.open(path) as file:
            if file.mode not in ("P", "L", "RGB", "RGBA"):
                raise ValueError(f"mode {file.mode}")
            coloured = file.mode in ("RGB", "RGBA")
            values = np.asarray(file.convert("RGB") if coloured else file).astype(np.int64)
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise RunFailed(f"{path} can't be read as a mask ({error}). Repair it, or take its image out.") from error
    if coloured:
        colours = palette(256) @ np.array([65536, 256, 1])
        code = values @ np.array([65536, 256, 1])
        order = np.argsort(colours)
        place = order[np.searchsorted(colours[order], code).clip(max=255)]
        if (colours[place] != code).any():
            raise RunFailed(
                f"{path}: has colours that are not of the challenge's palette. Expected a PNG with a palette."
            )
        values = place
    wrong = (values > classes) & (values != VOID)
    if wrong.any():
        raise RunFailed(
            f"{path}: holds {int(values[wrong][0])} as a class. Expected 0 (none) to {classes}, and {VOID} for what "
            "counts for nothing."
        )
    values[values == VOID] = IGNORED
    return values


def palette(count: int) -> Mask:
    """The challenge's colour of each class ``(count, 3)``: the bits of its number, spread from the highest down."""
    colours = np.zeros((count, 3), np.int64)
    rest = np.arange(count)
    for bit in range(7, -1, -1):
        for channel in range(3):
            colours[:, channel] |= (rest >> channel & 1) << bit
        rest = rest >> 3
    return colours
