"""Images with boxes, masks and captions in the format of COCO."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from runner.data.annotated.labelled import Labelled, Mask
from runner.data.annotated.option import AnnotatedOption, Asked, Listing
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.engine.spec import IGNORED, Field, Spec
from runner.errors import ConfigError, RunFailed, no_file


@dataclass(kw_only=True)
class Coco(AnnotatedOption):
    """A folder with ``annotations/instances_train2017.json``, the images in ``train2017``, and the same for val.

    Classes are the file's categories, in the order of their ids, which need not be without gaps. Regions that are a
    crowd count for nothing: nobody is to find them, and what is told there is not wrong; boxes without an area are left
    out. Where things overlap in a mask, the smaller is in front. Captions are those of
    ``annotations/captions_train2017.json`` in lower case; each of an image's is an example, and scores hold an answer
    beside one of them (published figures hold it beside all five).

    Attributes:
        task: also ``captions``: a sentence that says what is to be seen.
        vocabulary: of captions: different words at most, the most frequent ones of the training part.
        longest: of captions: words at most; the rest of a longer one is left out.
        year: part of the files' names; None: there is none (``instances_train.json``, ``train``).

    Raises:
        ConfigError: masks are asked for without pycocotools.

    Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context".
    """

    task: Asked = "detection"  # type: ignore[assignment]
    vocabulary: Annotated[int, Ge(5)] = 10_000
    longest: Annotated[int, Ge(1)] = 50
    year: int | None = 2017

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.task == "segmentation":
            try:
                import pycocotools  # noqa: F401
            except ImportError as error:
                raise ConfigError(
                    "data=coco data.task=segmentation draws masks with pycocotools, which is not installed. "
                    "`pip install 'runner[coco]'` brings it."
                ) from error

    def probe(self) -> Spec:
        """See `AnnotatedOption.probe`."""
        spec = super().probe()
        if self.task != "captions":
            return spec
        tokens = Field("tokens", (None,))
        return Spec("sequence", spec.inputs, tokens, {"decoder_inputs": tokens})

    def names(self) -> tuple[str, ...]:
        """See `AnnotatedOption.names`; those of the file are known once it is read."""
        path = self._file("train")
        if not path.is_file():
            raise ConfigError(f"data.root={self.root}: {path}: {no_file(path)} It describes the images to learn from.")
        return ()

    def listing(self) -> Listing:
        """See `AnnotatedOption.listing`."""
        parts: dict[str, list[Labelled]] = {}
        classes: dict[int, str] = {}
        hashes, crowds, empty = [], 0, 0
        for part in ("train", "val", "test"):
            path = self._file(part)
            if not path.is_file():
                continue
            content = path.read_bytes()
            hashes.append(sha256(content))
            file = _File(path, content)
            if self.task == "captions":
                parts[part] = file.captioned(self._images(part))
                continue
            parts[part] = file.labelled(self._images(part), self.task == "segmentation")
            if classes and file.categories != classes:
                raise RunFailed(f"{path}: its categories are not those of {self._file('train').name}.")
            classes = file.categories
            crowds, empty = crowds + file.crowds, empty + file.empty
        notes = [f"{crowds} crowd regions count for nothing"] if crowds else []
        notes += [f"{empty} boxes without an area left out"] if empty else []
        return Listing(tuple(classes.values()), parts, " ".join(hashes), tuple(notes))

    def _file(self, part: str) -> Path:
        kind = "captions" if self.task == "captions" else "instances"
        return self.folder() / "annotations" / f"{kind}_{part}{self.year or ''}.json"

    def told(self, data: Data, parts: dict[str, list[Labelled]]) -> Data:
        """See `AnnotatedOption.told`: with captions."""
        if self.task != "captions":
            return data
        from runner.data.text.captions import captions
        from runner.data.text.tokenizer import Tokenizer

        texts = {part: [item.captions for item in items] for part, items in parts.items()}
        return captions(Tokenizer("words", self.vocabulary, self.longest), data, texts)

    def _images(self, part: str) -> Path:
        name = f"{part}{self.year or ''}"
        inner = self.folder() / "images" / name
        return inner if inner.is_dir() else self.folder() / name


class _File:
    """A file of instances, or of captions.

    Attributes:
        categories: names by id, in the order of their ids.
        crowds: regions that are a crowd.
        empty: boxes without an area.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.crowds, self.empty = path, 0, 0
        self.categories: dict[int, str] = {}
        try:
            self.content: Any = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise RunFailed(f"{path} can't be read as JSON ({error}). Repair it, or fetch it again.") from error

    def _list(self, key: str, **wanted: type) -> Sequence[dict[str, Any]]:
        """The entries under a key, each with what is wanted of it."""
        entries = self.content.get(key) if isinstance(self.content, dict) else None
        if not isinstance(entries, list):
            raise RunFailed(
                f"{self.path}: has no list {key!r}. Expected a file of COCO's instances or captions, with images and "
                "annotations."
            )
        for number, entry in enumerate(entries):
            for name, kind in wanted.items():
                if not isinstance(entry, dict) or not isinstance(entry.get(name), kind):
                    raise RunFailed(f"{self.path}: {key}[{number}] has no {name!r} of type {kind.__name__}.")
        return entries

    def captioned(self, folder: Path) -> list[Labelled]:
        """The images with their captions, in the order of the file."""
        images = self._known_images()
        texts: dict[int, list[str]] = {image: [] for image in images}
        for entry in self._list("annotations", id=int, image_id=int, caption=str):
            if entry["image_id"] not in images:
                raise RunFailed(
                    f"{self.path}: the caption {entry['id']} is of the image {entry['image_id']}, which is not in the "
                    "file."
                )
            texts[entry["image_id"]].append(" ".join(entry["caption"].lower().split()))
        none = np.zeros((0, 5), np.float32)
        return [
            Labelled(*self._place(folder, image, entry), none, captions=tuple(texts[image]))
            for image, entry in images.items()
        ]

    def _known_images(self) -> dict[int, dict[str, Any]]:
        return {entry["id"]: entry for entry in self._list("images", id=int, file_name=str, width=int, height=int)}

    def _place(self, folder: Path, image: int, entry: dict[str, Any]) -> tuple[Path, str, tuple[int, int]]:
        """Where an image lies, what speaks of it, and its size."""
        name = Path(entry["file_name"])
        if name.is_absolute() or ".." in name.parts:
            raise RunFailed(f"{self.path}: the image {image} is called {str(name)!r}. Expected a name in {folder}.")
        return folder / name, f"{self.path}, image {image}", (entry["width"], entry["height"])

    def labelled(self, folder: Path, masks: bool) -> list[Labelled]:
        """The images with their annotations, in the order of the file."""
        images = self._known_images()
        self.categories = {entry["id"]: str(entry["name"]) for entry in self._list("categories", id=int, name=str)}
        self.categories = dict(sorted(self.categories.items()))
        if not self.categories:
            raise RunFailed(f"{self.path}: has no category.")
        numbers = {category: number for number, category in enumerate(self.categories)}
        rows: dict[int, list[list[float]]] = {image: [] for image in images}
        regions: dict[int, list[tuple[float, int, Any]]] = {image: [] for image in images}
        for entry in self._list("annotations", id=int, image_id=int, category_id=int, bbox=list):
            place = f"{self.path}: the annotation {entry['id']}"
            image, number = entry["image_id"], numbers.get(entry["category_id"])
            if number is None:
                known = ", ".join(map(str, list(numbers)[:10]))
                raise RunFailed(
                    f"{place} has the category {entry['category_id']}, which is not in the file. Known: {known}."
                )
            if image not in images:
                raise RunFailed(f"{place} is of the image {image}, which is not in the file.")
            box = entry["bbox"]
            if len(box) != 4 or not all(isinstance(v, int | float) and math.isfinite(v) for v in box):
                raise RunFailed(f"{place} has the box {str(box)[:60]}. Expected left, top, width and height in pixels.")
            left, top, width, height = box
            crowd = bool(entry.get("iscrowd"))
            if masks:
                given = entry.get("area")
                area = float(given if isinstance(given, int | float) else width * height)
                label = IGNORED if crowd else number + 1
                regions[image].append((math.inf if crowd else area, label, entry.get("segmentation")))
            self.crowds += crowd
            if width <= 0 or height <= 0:
                self.empty += 1
            else:
                rows[image].append([-2 - number if crowd else number, left, top, left + width, top + height])
        found = []
        for image, entry in images.items():
            path, source, size = self._place(folder, image, entry)
            draw = partial(_mask, source, sorted(regions[image], key=lambda r: -r[0])) if masks else None
            boxes = np.array(rows[image], np.float32).reshape(-1, 5)
            found.append(Labelled(path, source, size, boxes, draw))
        return found


def _mask(source: str, regions: Sequence[tuple[float, int, Any]], width: int, height: int) -> Mask:
    """The class of each pixel ``(height, width)`` of regions, painted one over the other.

    A region is a list of polygons, or run lengths: a list of numbers, or COCO's compressed text.
    """
    from pycocotools import mask as coco

    mask = np.zeros((height, width), np.int64)
    for _, label, region in regions:
        try:
            if isinstance(region, list):
                if not all(len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in region):
                    raise ValueError("a polygon has fewer than three corners")
                runs = coco.merge(coco.frPyObjects(region, height, width))
            else:
                if [int(side) for side in region["size"]] != [height, width]:
                    raise ValueError(f"a mask of {region['size'][::-1]} pixels for an image of {[width, height]}")
                runs = coco.frPyObjects(region, height, width) if isinstance(region["counts"], list) else region
                if isinstance(region["counts"], list) and sum(region["counts"]) != height * width:
                    raise ValueError("run lengths that do not fill the image")
            mask[coco.decode(runs).astype(bool)] = label
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise RunFailed(
                f"{source}: a region can't be drawn ({error}). Expected polygons or run lengths."
            ) from error
    return mask
