"""An image whose things are known, and what a network is given of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.data.image.files import Pixels

Boxes = NDArray[np.float32]
Mask = NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """An image and its annotation, not read yet.

    Attributes:
        path: of the image.
        source: where the annotation stands, for messages.
        size: width and height in pixels as the annotation has them; None where it has none.
        boxes: class, left, top, right and bottom in pixels, right and bottom outside ``(M, 5)``; a crowd of class c has
            the class -2 - c.
        mask: draws the class of each pixel ``(height, width)`` of that size; None where masks are not asked for.
        captions: what is written under it.
    """

    path: Path
    source: str
    size: tuple[int, int] | None
    boxes: Boxes
    mask: Callable[[int, int], Mask] | None = None
    captions: tuple[str, ...] = ()

    def checked(self) -> Labelled:
        """Itself, with boxes cut at the borders: annotations are rounded to a pixel.

        Raises:
            RunFailed: there is no such image, or a box reaches further out, or has no area.
        """
        if not self.path.is_file():
            raise RunFailed(f"{self.path}: there is no such image, which {self.source} speaks of. Add it.")
        return self if self.size is None else self._cut(*self.size)

    def _cut(self, width: int, height: int) -> Labelled:
        corners = self.boxes[:, 1:].reshape(-1, 2, 2)
        ends = np.array([width, height], np.float32)
        inside = corners.clip(0, ends)
        wrong = (np.abs(corners - inside) > 1).any((1, 2)) | (inside[:, 1] <= inside[:, 0]).any(1)
        if wrong.any() or not np.isfinite(self.boxes).all():
            left, top, right, bottom = self.boxes[wrong.argmax(), 1:].tolist()
            raise RunFailed(
                f"{self.source}: a box from {left:g}, {top:g} to {right:g}, {bottom:g} is not inside its image of "
                f"{width} x {height} pixels. Expected 0 <= left < right <= {width} and 0 <= top < bottom <= {height}: "
                "correct it, or take it out."
            )
        boxes = np.concatenate([self.boxes[:, :1], inside.reshape(-1, 4)], 1)
        return replace(self, size=(width, height), boxes=boxes.astype(np.float32))

    def read(self, pixels: Pixels) -> tuple[NDArray[np.uint8], Boxes, Mask | None]:
        """The image as `pixels` decodes it ``(C, H, W)``, with the boxes and the mask that follow.

        Boxes are cut at the new borders, and those of which nothing is left are gone. Masks take the nearest pixel.

        Raises:
            RunFailed: the image or its mask can't be read, or has another size than the annotation says.
        """
        from PIL import ExifTags, Image

        from runner.data.image.files import covering

        image = pixels.decode(self.path)
        with Image.open(self.path) as file:
            size, turned = file.size, file.getexif().get(ExifTags.Base.Orientation, 1) != 1
        if turned:
            raise RunFailed(
                f"{self.path} is turned by its EXIF orientation, and it can't be known whether its annotation is. "
                "Write it anew without one."
            )
        if self.size is not None and size != self.size:
            raise RunFailed(
                f"{self.path} has {size[0]} x {size[1]} pixels, but {self.source} says "
                f"{self.size[0]} x {self.size[1]}. Correct one of them."
            )
        width, height, left, top = covering(*size, pixels.height, pixels.width)
        there = self._cut(*size).boxes
        scale = np.array([width / size[0], height / size[1]] * 2, np.float32)
        moved = there[:, 1:] * scale - np.array([left, top] * 2, np.float32)
        moved = moved.clip(0, np.array([pixels.width, pixels.height] * 2, np.float32))
        boxes = np.concatenate([there[:, :1], moved], 1)[(moved[:, 2:] > moved[:, :2]).all(1)]
        if self.mask is None:
            return image, boxes, None
        mask = self.mask(*size)
        if mask.shape != size[::-1]:
            raise RunFailed(
                f"{self.source}: its mask has {mask.shape[1]} x {mask.shape[0]} pixels, but {self.path} has "
                f"{size[0]} x {size[1]}. Expected one class for each pixel."
            )
        resized = Image.fromarray(mask.astype(np.int32)).resize((width, height), Image.Resampling.NEAREST)
        cut = resized.crop((left, top, left + pixels.width, top + pixels.height))
        return image, boxes, np.asarray(cut, dtype=np.int64)
