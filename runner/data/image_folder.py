"""Images of one's own, a folder per class."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from runner.data.base import ImageOption, ImageScaling
from runner.data.image.listing import IMAGES
from runner.data.source.class_folders import ClassFolders
from runner.data.source.listing import Files
from runner.engine.data import Data
from runner.engine.memory import available_memory
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from runner.data.image.files import Pixels

SHARE_OF_MEMORY = 0.25  # other runs of a sweep want some too


@dataclass(kw_only=True)
class ImageFolder(ClassFolders, ImageOption):
    """Images under ``root/CLASS/``, or under ``root/{train,val,test}/CLASS/`` where these are split already.

    With folders for the parts, `split` is used only for what is missing: without val, the first two shares divide
    train in their ratio; without test there is none. Classes are the folders' names, sorted.

    Attributes:
        image_size: height and width in pixels: the shorter side is resized to it, then the centre is cut out.
        in_memory: decode everything once and keep it; ``auto`` does so when it takes at most a quarter of the free
            memory. Else workers decode while training (`num_workers`).
        on_bad_image: what to do about a file that can't be read as an image: ``stop``, or leave it out (``skip``) and
            say how many were; no other image is moved to another part by it. Then all are decoded once beforehand.
        resize: pixels that the shorter side is resized to, at least `image_size`; None: `image_size` itself. Networks
            of ImageNet are scored with 256 and an `image_size` of 224.

    Raises:
        ConfigError: `resize` is less than `image_size`.
    """

    files: ClassVar[Files] = IMAGES
    scaling: ImageScaling = "standard"  # that of ClassFolders would stand in front
    image_size: Annotated[int, Ge(1)] = 64
    in_memory: Literal["auto"] | bool = "auto"
    on_bad_image: Literal["stop", "skip"] = "stop"
    resize: Annotated[int, Ge(1)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resize is not None and self.resize < self.image_size:
            raise ConfigError(
                f"data.resize={self.resize}: expected at least data.image_size={self.image_size}, which is cut out."
            )

    def probe(self) -> Spec:
        """Looks at the folders, not into the images."""
        classes = self.classes()
        return Spec("classification", self.inputs, Field("class", (), len(classes), tuple(classes)))

    def load(self) -> Data:
        """List, split and decode the images; what doesn't fit in memory is decoded once for the statistics."""
        import torch

        from runner.data.image.files import decode_or_name_the_way_out, in_threads
        from runner.data.parts.assemble import (
            classes_spec,
            images,
            in_parts,
            missing_classes,
        )
        from runner.data.parts.scaling import histogram
        from runner.data.source.file_arrays import ClassFiles
        from runner.engine.split import DatasetSplit, ScaledSplit, Split

        paths, labels, classes, parts, notes = self.listed()
        fingerprint = self.fingerprint(paths)
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
                ClassFiles(
                    [paths[i] for i in rows], labels[rows], partial(decode_or_name_the_way_out, pixels=transform)
                ),
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
        from runner.data.image.files import decode_or_name_the_way_out

        def decode(path: Path) -> NDArray[np.uint8] | None:
            try:
                return decode_or_name_the_way_out(path, transform)
            except RunFailed:
                if self.on_bad_image == "skip":
                    return None
                raise

        return decode

    def _fits(self, count: int) -> bool:
        if self.in_memory != "auto":
            return self.in_memory
        needed = count * 3 * self.image_size**2 * 2  # a byte for each value, and a copy while they are divided
        return needed <= SHARE_OF_MEMORY * available_memory()
