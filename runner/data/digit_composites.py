"""Several handwritten digits on one canvas: which there are, where each is, and which pixels are its own."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from runner.data.base import DataOption
from runner.data.source import bundled
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.transform import Transform
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.data.composites.drawing import Composites

NAMES = tuple(str(digit) for digit in range(10))
SIDE, CEILING = 8, 16  # pixels of a digit, and the value of full ink


@dataclass(kw_only=True)
class DigitComposites(DataOption):
    """Images ``(1, size, size)`` of real handwritten digits, pixels 0 to 16, with exact masks and boxes.

    An image is a function of (`split_seed`, part, number). The digits that training images are made of stand in no
    other image. `split` divides both the digits, by class, and the images.

    Attributes:
        task: what is asked for: ``multilabel`` which digits there are ``(10,)``, ``segmentation`` the digit of each
            pixel ``(size, size)``, 0 being none, ``detection`` boxes ``(digits, 5)`` around their ink, also where
            another digit is in front of it.
        images: number of images, at least 1, over all parts.
        size: pixels of an image's side, at least 8.
        digits: least and most digits of an image.
        overlap: largest intersection over union of two digits' boxes, in [0, 1]. A digit for which there is no such
            place is left out. Where two have ink, the later one is in front.

    Raises:
        ConfigError: `digits` are no range.

    Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI; the test part, as bundled with
    scikit-learn.
    """

    task: Literal["multilabel", "segmentation", "detection"] = "segmentation"
    images: Annotated[int, Ge(1)] = 2000
    size: Annotated[int, Ge(SIDE)] = 32
    digits: tuple[Annotated[int, Ge(0)], Annotated[int, Ge(1)]] = (1, 3)
    overlap: Annotated[float, Ge(0), Le(1)] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.digits[0] > self.digits[1]:
            raise ConfigError(
                f"data.digits={list(self.digits)}: expected the least and the most digits of an image, such as [1,3]."
            )

    def probe(self) -> Spec:
        """Known beforehand."""
        return Spec(self.task, self._inputs, self._targets(None))

    @property
    def _inputs(self) -> Field:
        return Field("image", (1, self.size, self.size))

    def _targets(self, train: "Composites | None") -> Field:
        """What is asked for; with the counts of the training part, once it is drawn."""
        boxes, masks = (train.boxes, train.masks) if train else (np.zeros((0, 1, 5)), np.zeros(0, np.int64))
        if self.task == "segmentation":
            pixels = np.bincount(masks.ravel(), minlength=11)
            return Field("mask", (self.size, self.size), 11, ("none", *NAMES), tuple(pixels.tolist()) if train else ())
        if self.task == "multilabel":
            found = present(boxes).sum(0).astype(np.int64)
            return Field("labels", (10,), 10, NAMES, tuple(found.tolist()) if train else ())
        found = np.bincount(boxes[..., 0][boxes[..., 0] >= 0].astype(np.int64), minlength=10)
        return Field("boxes", (self.digits[1], 5), 10, NAMES, tuple(found.tolist()) if train else ())

    def transform(self) -> Transform:
        """See `DataOption.transform`."""
        from runner.data.image.files import Pixels

        return Pixels(self.scaling, self.size, self.size, 1, CEILING)

    def load(self) -> Data:
        """Read the bundled digits and draw the images; see `DataOption.load`."""
        import torch

        from runner.data.composites.drawing import compose
        from runner.data.image.files import Pixels
        from runner.data.parts.assemble import divide
        from runner.engine.split import TensorSplit

        content = bundled.read("digits.csv.gz")
        values = bundled.numbers(content)
        glyphs = values[:, :-1].astype(np.uint8).reshape(-1, SIDE, SIDE)
        labels = values[:, -1].astype(np.int64)
        parts = divide(replace(self, fraction=1.0), len(labels), labels)
        drawn = {}
        for number, (name, rows) in enumerate(zip(parts._fields, parts, strict=True)):
            count = round(self.images * len(rows) / len(labels))
            if name == "train":
                count = round(count * self.fraction)
            if len(rows):
                seed = (self.split_seed, number)
                drawn[name] = compose(
                    glyphs[rows], labels[rows], max(1, count), self.size, self.digits, self.overlap, seed
                )
        pixels = Pixels(self.scaling, self.size, self.size, 1, CEILING)
        pixels.fit(drawn["train"].pixels)

        def split(images: "Composites") -> TensorSplit:
            targets: Tensor = torch.from_numpy(self._asked(images))
            units = self.size * self.size if self.task == "segmentation" else 1
            return TensorSplit(pixels(images.pixels), targets, units=units)

        return Data(
            Spec(self.task, pixels.field, self._targets(drawn["train"])),
            {name: split(images) for name, images in drawn.items()},
            sha256(content),
            pixels,
        )

    def _asked(self, images: "Composites") -> NDArray[np.float32] | NDArray[np.int64]:
        if self.task == "segmentation":
            return images.masks
        return present(images.boxes) if self.task == "multilabel" else images.boxes


def present(boxes: NDArray[Any]) -> NDArray[np.float32]:
    """Which of the ten digits are in each image ``(N, 10)``, 0 or 1, from its boxes ``(N, M, 5)``."""
    there: NDArray[np.bool_] = np.any(boxes[..., :1] == np.arange(10), axis=1)
    return there.astype(np.float32)
