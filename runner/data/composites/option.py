"""What data options of composites share: glyphs in, images with everything known of them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from runner.data.base import DataOption, ImageScaling
from runner.engine.data import Data
from runner.engine.spec import Field, Kind, Spec
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.data.composites.drawing import Composites, Glyphs
    from runner.data.image.files import Pixels
    from runner.data.parts.split import Parts


@dataclass(kw_only=True)
class CompositesOption(DataOption):
    """Images of several small things on a canvas, with exact masks and boxes.

    An image is a function of (`split_seed`, part, number). What training images are made of stands in no other image.
    `split` divides both the things and the images.

    Attributes:
        task: what is asked for: ``multilabel`` which classes there are ``(C,)``, ``segmentation`` the class of each
            pixel ``(size, size)``, 0 being none, ``detection`` boxes ``(things, 5)`` around their ink, also where
            another thing is in front of it, ``instance_segmentation`` these with the pixels that are seen of each
            behind them ``(things, 5 + size * size)``, 0 or 1, ``captions`` the names of the things from left to right
            (of their boxes), as a sequence of words.
        images: number of images, at least 1, over all parts.
        size: pixels of an image's side, at least that of the things.
        overlap: largest intersection over union of two things' boxes, in [0, 1]. A thing for which there is no such
            place is left out. Where two have ink, the later one is in front.
        number: the key that says how many things an image has.
        names: of the classes.
        channels: of the images.
        ceiling: the value of a fully lit pixel.
        ground: the value of pixels where there is nothing.
    """

    task: Literal["multilabel", "segmentation", "detection", "instance_segmentation", "captions"] = "segmentation"
    images: Annotated[int, Ge(1)] = 2000
    size: Annotated[int, Ge(8)] = 32
    overlap: Annotated[float, Ge(0), Le(1)] = 0.1
    scaling: ImageScaling = "standard"  # type: ignore[assignment]
    number: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    channels: ClassVar[int] = 1
    ceiling: ClassVar[int] = 255
    ground: ClassVar[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._range[0] > self._range[1]:
            raise ConfigError(
                f"data.{self.number}={list(self._range)}: expected the least and the most {self.number} of an image, "
                "such as [1,3]."
            )

    def glyphs(self) -> tuple[Glyphs, Parts, str, tuple[str, ...]]:
        """What images are made of, how it is divided, the hash of where it is from, and notes."""
        raise NotImplementedError

    @property
    def _range(self) -> tuple[int, int]:
        range_: tuple[int, int] = getattr(self, self.number)
        return range_

    def probe(self) -> Spec:
        """Known beforehand, but for the vocabulary of captions."""
        if self.task == "captions":
            tokens, image = Field("tokens", (None,)), Field("image", (self.channels, self.size, self.size))
            return Spec("sequence", image, tokens, {"decoder_inputs": tokens})
        return Spec(self.task, Field("image", (self.channels, self.size, self.size)), self._targets(None))

    def _targets(self, train: Composites | None) -> Field:
        """What is asked for; with the counts of the training part, once it is drawn."""
        boxes, masks = (train.boxes, train.masks) if train else (np.zeros((0, 1, 5)), np.zeros(0, np.int64))
        classes = len(self.names)
        if self.task == "segmentation":
            counts, shape = np.bincount(masks.ravel(), minlength=classes + 1), (self.size, self.size)
            named = ("none", *self.names)
            return Field("mask", shape, classes + 1, named, tuple(counts.tolist()) if train else ())
        if self.task == "multilabel":
            counts = present(boxes, classes).sum(0).astype(np.int64)
            return Field("labels", (classes,), classes, self.names, tuple(counts.tolist()) if train else ())
        counts = np.bincount(boxes[..., 0][boxes[..., 0] >= 0].astype(np.int64), minlength=classes)
        kind: Kind = "instances" if self.task == "instance_segmentation" else "boxes"
        width = 5 if kind == "boxes" else 5 + self.size * self.size
        return Field(kind, (self._range[1], width), classes, self.names, tuple(counts.tolist()) if train else ())

    def transform(self) -> Pixels:
        """See `DataOption.transform`."""
        from runner.data.image.files import Pixels

        return Pixels(self.scaling, self.size, self.size, self.channels, self.ceiling)

    def load(self) -> Data:
        """Draw the images; see `DataOption.load`."""
        import torch

        from runner.data.composites.drawing import compose
        from runner.engine.split import ScaledSplit, TensorSplit

        glyphs, parts, digest, notes = replace(self, fraction=1.0).glyphs()
        drawn = {}
        for number, (name, rows) in enumerate(zip(parts._fields, parts, strict=True)):
            count = round(self.images * len(rows) / len(glyphs))
            if name == "train":
                count = round(count * self.fraction)
            if len(rows):
                seed = (self.split_seed, number)
                drawn[name] = compose(
                    glyphs[rows], max(1, count), self.size, self._range, self.overlap, seed, self.ground
                )
        pixels = self.transform()
        pixels.fit(drawn["train"].pixels)

        def split(images: Composites) -> ScaledSplit:
            targets: Tensor = torch.from_numpy(self._asked(images))
            units = self.size * self.size if self.task == "segmentation" else 1
            return ScaledSplit(TensorSplit(torch.from_numpy(images.pixels), targets, units=units), pixels.module())

        data = Data(
            Spec(self.task, pixels.field, self._targets(drawn["train"])),
            {name: split(images) for name, images in drawn.items()},
            digest,
            pixels,
            notes,
        )
        if self.task != "captions":
            return data
        from runner.data.text.captions import captions
        from runner.data.text.tokenizer import Tokenizer

        told = {name: [[self._caption(boxes)] for boxes in images.boxes] for name, images in drawn.items()}
        return captions(Tokenizer("words"), data, told)

    def _caption(self, boxes: NDArray[np.float32]) -> str:
        """The names of the things of an image ``(M, 5)`` from left to right."""
        there = boxes[boxes[:, 0] >= 0]
        return " ".join(self.names[int(label)] for label in there[there[:, 1].argsort(kind="stable"), 0])

    def _asked(self, images: Composites) -> NDArray[np.float32] | NDArray[np.int64]:
        if self.task == "segmentation":
            return images.masks
        if self.task == "multilabel":
            return present(images.boxes, len(self.names))
        return images.boxes if self.task in ("detection", "captions") else with_masks(images.boxes, images.things)


def present(boxes: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """Which of the classes are in each image ``(N, C)``, 0 or 1, from its boxes ``(N, M, 5)``."""
    there: NDArray[np.bool_] = np.any(boxes[..., :1] == np.arange(classes), axis=1)
    return there.astype(np.float32)


def with_masks(boxes: NDArray[np.float32], things: NDArray[np.int64]) -> NDArray[np.float32]:
    """Boxes ``(N, M, 5)`` with the pixels of each behind them ``(N, M, 5 + H * W)``, 0 or 1.

    Args:
        boxes: of each image.
        things: 1 + the number of the box that a pixel belongs to ``(N, H, W)``, or 0.
    """
    own = things.reshape(len(things), 1, -1) == np.arange(1, 1 + boxes.shape[1])[:, None]
    return np.concatenate([boxes, own.astype(np.float32)], axis=2)
