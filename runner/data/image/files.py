"""Reading image files: decoding, scaling, and a dataset of files that are decoded while training."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from torch import Tensor, nn

from runner.data.base import ImageScaling
from runner.data.image.listing import IMAGES
from runner.data.parts.scaling import Scale, fit_images, histogram
from runner.data.source.file_arrays import read_arrays
from runner.engine.spec import Field
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import RunFailed

WAY_OUT = "data.on_bad_image=skip leaves such images out."

S = TypeVar("S")
T = TypeVar("T")
Mode = Literal["RGB", "L"]


def decode(
    path: Path | BinaryIO, height: int, width: int, mode: Mode = "RGB", cover: int | None = None
) -> NDArray[np.uint8]:
    """One image ``(channels, height, width)``: resized (bilinear, antialiased) to cover them, then the centre cut out.

    Args:
        path: the file, or an open one.
        height: pixels.
        width: pixels.
        mode: ``RGB``, three channels, or ``L``, one of grey.
        cover: pixels that the shorter side is resized to instead, not less than height and width.

    The camera's orientation is applied, transparency becomes white, 16-bit grey is reduced to 8 bits.

    Raises:
        RunFailed: the file is damaged, no image, or too large.
    """
    try:
        with Image.open(path) as file:
            image: Image.Image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I;16"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            elif image.mode in ("I", "F"):
                raise ValueError("32 bits per pixel; expected 8 or 16")
            elif image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            pixels = np.asarray(_fitted(image.convert("RGB"), height, width, cover).convert(mode))
            return pixels.reshape(height, width, -1).transpose(2, 0, 1)
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise RunFailed(
            f"{path} can't be read as an image (more than {most:,} pixels when unpacked and resized, as a "
            "decompression bomb has). Make it smaller or remove it."
        ) from error
    except MemoryError:  # of this machine, not of the file
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise RunFailed(f"{path} can't be read as an image ({error}). Repair it or remove it.") from error


def covering(w: int, h: int, height: int, width: int) -> tuple[int, int, int, int]:
    """How an image of w x h pixels comes to cover others: the size it gets, and left and top of what is cut out of it.

    Args:
        w: its width.
        h: its height.
        height: what is wanted.
        width: likewise.

    Returns:
        Width, height, left, top.
    """
    if height * w >= width * h:  # the height is what has to be covered
        w, h = height * w // h, height
    else:
        w, h = width, width * h // w
    return w, h, round((w - width) / 2), round((h - height) / 2)


def _fitted(image: Image.Image, height: int, width: int, cover: int | None) -> Image.Image:
    w, h, _, _ = covering(*image.size, cover or height, cover or width)
    if Image.MAX_IMAGE_PIXELS and w * h > 2 * Image.MAX_IMAGE_PIXELS:  # one that is long and thin
        raise Image.DecompressionBombError
    left, top = round((w - width) / 2), round((h - height) / 2)
    return image.resize((w, h), Image.Resampling.BILINEAR).crop((left, top, left + width, top + height))


def in_threads(function: Callable[[S], T], items: Sequence[S], chunk: int = 1024) -> Iterator[T]:
    """`function` of every path or other item, in order, on all cores, `chunk` at a time; Pillow decodes without GIL."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(items), chunk):
            yield from pool.map(function, items[start : start + chunk])


class Pixels(Transform):
    """From images to scaled pixels; files of another size, shape or colour mode are brought to those of the training.

    Args:
        scaling: see `runner.data.base.DataOption`.
        height: pixels of the images; 0 until a state says.
        width: likewise.
        channels: 3 colours, or 1 of grey.
        ceiling: the value of a fully lit pixel in the training data.
        as_sequence: give the rows of each image as the steps of a series.
        cover: pixels that the shorter side is resized to before the centre is cut out; None: so that it just covers it.
    """

    def __init__(
        self,
        scaling: ImageScaling,
        height: int = 0,
        width: int = 0,
        channels: int = 3,
        ceiling: int = 255,
        as_sequence: bool = False,
        cover: int | None = None,
    ) -> None:
        super().__init__()
        self.scaling, self.height, self.width, self.channels = scaling, height, width, channels
        self.ceiling, self.as_sequence, self.cover = ceiling, as_sequence, cover

    def fit(self, raw: NDArray[np.uint8]) -> None:
        """Learn from training images ``(N, C, H, W)``."""
        self.fit_counts(histogram(raw))

    def fit_counts(self, counts: NDArray[np.int64]) -> None:
        """Learn from how often each value occurs in the training images ``(C, 256)``; see `histogram`."""
        self.scale = fit_images(counts, self.scaling, self.ceiling)

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Image files, those in folders (sorted, with those in their folders), or ``-``, a path per line; pixels."""
        return read_arrays(sources, IMAGES, self._decoded, size)

    def _decoded(self, path: Path) -> NDArray[np.uint8] | Bad:
        try:
            pixels = self.decode(path)
        except RunFailed as error:
            return Bad(str(path), str(error).removeprefix(f"{path} "))
        with Image.open(path) as file:
            turned = file.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            height, width = file.size if turned else file.size[::-1]
            grey = file.mode in ("1", "L", "LA", "I;16")
        if (height, width) != (self.height, self.width):
            self.notes[f"images of other than {self.width} x {self.height} pixels: resized to cover them, then cut"] = (
                None
            )
        if grey != (self.channels == 1):
            was, is_now = ("grey", "taken as colours") if grey else ("colour", "turned to grey")
            self.notes[f"{was} images: {is_now}, as the network was trained with"] = None
        return pixels

    def decode(self, path: Path | BinaryIO) -> NDArray[np.uint8]:
        """An image file as the pixels ``(C, H, W)`` that it would have among the training data."""
        pixels = decode(path, self.height, self.width, "RGB" if self.channels == 3 else "L", self.cover)
        return pixels if self.ceiling == 255 else np.rint(pixels * (self.ceiling / 255)).astype(np.uint8)

    def __call__(self, raw: Any) -> Tensor:
        """Pixels ``(N, C, H, W)``, or image files by their paths or open, as inputs."""
        pixels = raw if isinstance(raw, np.ndarray) else np.stack([self.decode(path) for path in raw])
        inputs = torch.from_numpy(self.scale.images(pixels))
        return inputs.transpose(1, 2).flatten(2) if self.as_sequence else inputs

    @property
    def field(self) -> Field:
        """The inputs that it gives."""
        if self.as_sequence:
            return Field("series", (self.height, self.channels * self.width))
        mean, std = ((values / self.ceiling).tolist() for values in (self.scale.shift, self.scale.spread))
        return Field("image", (self.channels, self.height, self.width), mean=tuple(mean), std=tuple(std))

    def module(self) -> nn.Module:
        """From pixels ``(N, C, H, W)``, of any number type, to inputs."""
        return _Scaled(self.scale, self.as_sequence)

    def state_dict(self) -> dict[str, Any]:
        """Shift and spread of each channel, and what the images were like."""
        return {
            "shift": self.scale.shift.tolist(),
            "spread": self.scale.spread.tolist(),
            "size": [self.height, self.width, self.channels, self.ceiling],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.scale = Scale(np.array(state["shift"]), np.array(state["spread"]))
        self.height, self.width, self.channels, self.ceiling = state["size"]


def decode_or_name_the_way_out(path: Path, pixels: "Pixels") -> NDArray[np.uint8]:
    """An image as `Pixels.decode` gives it, where it was not known beforehand that it can be read.

    Raises:
        RunFailed: it can't be; names what leaves such images out.
    """
    try:
        return pixels.decode(path)
    except RunFailed as error:
        raise RunFailed(f"{error} {WAY_OUT}") from error


class _Scaled(nn.Module):
    shift: Tensor
    spread: Tensor

    def __init__(self, scale: Scale, as_sequence: bool) -> None:
        super().__init__()
        self.as_sequence = as_sequence
        self.register_buffer("shift", torch.from_numpy(scale.shift).float()[:, None, None])
        self.register_buffer("spread", torch.from_numpy(scale.spread).float()[:, None, None])

    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.is_floating_point():
            scaled = (pixels.float() - self.shift) / self.spread
        else:  # in place, as new memory costs more than the arithmetic
            scaled = pixels.float().sub_(self.shift).div_(self.spread)
        return scaled.transpose(1, 2).flatten(2) if self.as_sequence else scaled
