"""Several handwritten digits on one canvas: which there are, where each is, and which pixels are its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from runner.data.composites.option import CompositesOption
from runner.data.source import bundled
from runner.data.source.fingerprint import sha256

if TYPE_CHECKING:
    from runner.data.composites.drawing import Glyphs
    from runner.data.parts.split import Parts

SIDE, CEILING = 8, 16  # pixels of a digit, and the value of full ink


@dataclass(kw_only=True)
class DigitComposites(CompositesOption):
    """Images ``(1, size, size)`` of real handwritten digits, pixels 0 to 16, with exact masks and boxes.

    The digits that training images are made of stand in no other image. `split` divides both the digits, by class, and
    the images.

    Attributes:
        digits: least and most digits of an image.

    Raises:
        ConfigError: `digits` are no range.

    Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI; the test part, as bundled with
    scikit-learn.
    """

    digits: tuple[Annotated[int, Ge(0)], Annotated[int, Ge(1)]] = (1, 3)
    number: ClassVar[str] = "digits"
    names: ClassVar[tuple[str, ...]] = tuple(str(digit) for digit in range(10))
    ceiling: ClassVar[int] = CEILING

    def glyphs(self) -> tuple[Glyphs, Parts, str, tuple[str, ...]]:
        """The bundled digits; see `CompositesOption.glyphs`."""
        from runner.data.composites.drawing import Glyphs
        from runner.data.parts.assemble import divide

        content = bundled.read("digits.csv.gz")
        values = bundled.numbers(content)
        ink = values[:, :-1].astype(np.uint8).reshape(-1, SIDE, SIDE)
        labels = values[:, -1].astype(np.int64)
        opacity = (ink > 0).astype(np.uint8) * np.uint8(255)
        return Glyphs(ink[:, None], opacity, labels), divide(self, len(labels), labels), sha256(content), ()
