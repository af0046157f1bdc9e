"""What data options of annotated images share: from listings to batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from runner.data.annotated.labelled import Labelled
from runner.data.base import DataOption, ImageScaling
from runner.data.source.fingerprint import combine, sha256, sha256_of_file
from runner.engine.data import Data
from runner.engine.memory import available_memory
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, did_you_mean_beside

if TYPE_CHECKING:
    from torch import Tensor

    from runner.data.image.files import Pixels
    from runner.engine.split import Split

Asked = Literal["detection", "segmentation", "multilabel", "captions"]
SHARE_OF_MEMORY = 0.25  # other runs of a sweep want some too


@dataclass(frozen=True)
class Listing:
    """What there is, before any image is read.

    Attributes:
        classes: their names.
        parts: the annotated images by part: ``train``, and where they are given ``val`` and ``test``.
        digest: hash of the annotations.
        notes: what the user should hear, in words.
    """

    classes: tuple[str, ...]
    parts: dict[str, list[Labelled]]
    digest: str
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class AnnotatedOption(DataOption):
    """Annotated images in the parts of their collection; without val the first shares of `split` divide train.

    Attributes:
        root: the folder.
        task: what is asked for: ``detection`` boxes, ``segmentation`` the class of each pixel, 0 being none of them,
            ``multilabel`` which classes there are.
        image_size: height and width in pixels: the shorter side is resized to it, then the centre is cut out, and boxes
            and masks with it.
        in_memory: decode everything once and keep it; ``auto`` does so when it takes at most a quarter of the free
            memory. Else workers decode while training (`num_workers`).
    """

    root: str
    task: Literal["detection", "segmentation", "multilabel"] = "detection"
    image_size: Annotated[int, Ge(1)] = 128
    in_memory: Literal["auto"] | bool = "auto"
    scaling: ImageScaling = "standard"  # type: ignore[assignment]

    def names(self) -> tuple[str, ...]:
        """The names of the classes; empty where they are not known before the annotations are read."""
        raise NotImplementedError

    def listing(self) -> Listing:
        """Read the annotations.

        Raises:
            RunFailed: one is damaged, or speaks of what is not there.
        """
        raise NotImplementedError

    def folder(self) -> Path:
        """The folder that the user named.

        Raises:
            ConfigError: there is none.
        """
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise ConfigError(f"data.root={self.root}: there is no such folder.{did_you_mean_beside(root)}")
        return root

    def probe(self) -> Spec:
        """What is known of the folder; no image is read."""
        self.folder()
        names = self.names()
        image = Field("image", (3, self.image_size, self.image_size))
        return Spec(self.task, image, self._field(names))

    def transform(self) -> Pixels:
        """See `DataOption.transform`."""
        from runner.data.image.files import Pixels

        return Pixels(self.scaling, self.image_size, self.image_size, 3)

    def _field(self, names: tuple[str, ...], most: int | None = None, counts: tuple[int, ...] = ()) -> Field:
        size = len(names) or None
        if self.task == "segmentation":
            named = ("background", *names) if names else ()
            return Field("mask", (self.image_size, self.image_size), len(named) or None, named, counts)
        if self.task == "multilabel":
            return Field("labels", (size,), size, names, counts)
        return Field("boxes", (most, 5), size, names, counts)

    def load(self) -> Data:
        """List and read the images; what does not fit in memory is read once for the statistics."""
        from runner.data.annotated.files import AnnotatedFiles
        from runner.data.image.files import in_threads
        from runner.data.parts.scaling import histogram
        from runner.engine.split import DatasetSplit, ScaledSplit, TensorSplit

        listing = self.listing()
        parts = self._parts(listing)
        items = [item for part in parts.values() for item in part]
        most = max(1, *(len(item.boxes) for item in items))
        pixels = self.transform()
        counts = np.zeros((3, 256), np.int64)
        fits = self._fits(len(items))
        read = partial(_read, pixels=pixels, task=self.task, classes=len(listing.classes), most=most)
        kept: dict[str, tuple[NDArray[np.uint8], NDArray[Any]]] = {}
        for name, part in parts.items():
            if fits:
                images, targets = zip(*in_threads(read, part), strict=True)
                kept[name] = np.stack(images), np.stack(targets)
        if fits:
            counts = histogram(kept["train"][0])
        elif self.scaling != "none":
            for image in in_threads(pixels.decode, [item.path for item in parts["train"]]):
                counts += histogram(image[None])
        pixels.fit_counts(counts)

        def split(name: str) -> Split:
            part = parts[name]
            if name in kept:
                import torch

                images, targets = kept[name]
                units = self.image_size**2 if self.task == "segmentation" else 1
                places = [str(item.path) for item in part]
                inputs, answers = torch.from_numpy(images), torch.from_numpy(targets)
                return ScaledSplit(TensorSplit(inputs, answers, units=units, places=places), pixels.module())
            files = DatasetSplit(
                AnnotatedFiles(part, read), len(part), self._collated, place_of=lambda row: str(part[row].path)
            )
            return ScaledSplit(files, pixels.module())

        content = in_threads(_digest, [item.path for item in items])
        seen = self._counts(kept["train"][1], len(listing.classes)) if fits else ()
        data = Data(
            Spec(self.task, pixels.field, self._field(listing.classes, most, seen)),
            {name: split(name) for name in parts},
            sha256(f"{listing.digest} {combine(content)}".encode()),
            pixels,
            listing.notes,
        )
        return self.told(data, parts)

    def told(self, data: Data, parts: dict[str, list[Labelled]]) -> Data:
        """The data with what is told of images otherwise than by their boxes and masks."""
        return data

    def _parts(self, listing: Listing) -> dict[str, list[Labelled]]:
        """The parts with the option's val, fold and fraction."""
        from runner.data.parts.assemble import finish
        from runner.data.parts.split import Parts, plain

        given = {name: listing.parts.get(name, []) for name in ("train", "val", "test")}
        items = [item.checked() for part in given.values() for item in part]
        ends = np.cumsum([len(part) for part in given.values()])
        train, val, test = (np.arange(end - len(part), end) for end, part in zip(ends, given.values(), strict=True))
        if not len(val):
            a, b, _ = self.split
            inner = plain(len(train), (a / (a + b), b / (a + b), 0.0), self.split_seed)
            train, val = inner.train, inner.val
        option = self if len(test) else _without_test(self)
        rows = finish(option, Parts(train, val, test), None)
        return {name: [items[row] for row in part] for name, part in rows._asdict().items() if len(part)}

    def _fits(self, count: int) -> bool:
        if self.in_memory != "auto":
            return self.in_memory
        each = 3 * 2 + (8 if self.task == "segmentation" else 0)  # decoded, and put together; the mask
        return count * each * self.image_size**2 <= SHARE_OF_MEMORY * available_memory()

    def _counts(self, targets: NDArray[Any], classes: int) -> tuple[int, ...]:
        if self.task == "multilabel":
            return tuple(targets.sum(0).astype(np.int64).tolist())
        numbers = targets if self.task == "segmentation" else targets[..., 0]
        size = classes + (self.task == "segmentation")
        return tuple(np.bincount(numbers[numbers >= 0].astype(np.int64).ravel(), minlength=size).tolist())

    def _collated(self, examples: Sequence[tuple[Tensor, Tensor]]) -> Any:
        from runner.engine.split.files import stacked

        batch = stacked(examples)
        if self.task == "segmentation":
            batch.units = batch.targets.numel()
        return batch


def _without_test(option: AnnotatedOption) -> Any:
    from dataclasses import replace

    train, val, _ = option.split
    return replace(option, split=(train / (train + val), val / (train + val), 0.0))


def _digest(path: Path) -> str:
    return f"{path.name} {sha256_of_file(path)}"


def _read(
    item: Labelled, pixels: Pixels, task: Asked, classes: int, most: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32] | NDArray[np.int64]]:
    """Pixels and the target of an image."""
    image, boxes, mask = item.read(pixels)
    if task == "segmentation":
        assert mask is not None
        return image, mask
    if task == "multilabel":
        present = np.zeros(classes, np.float32)
        present[boxes[boxes[:, 0] >= 0, 0].astype(np.int64)] = 1
        return image, present
    padded = np.full((most, 5), -1, np.float32)
    padded[: len(boxes)] = boxes
    return image, padded
