"""Handwritten digits of 8 x 8 pixels."""

from dataclasses import dataclass

import numpy as np

from runner.data.base import ImageOption
from runner.data.source import bundled
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Spec


@dataclass(kw_only=True)
class Digits(ImageOption):
    """1,797 images ``(1, 8, 8)`` of ten digits, pixels 0 to 16.

    Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI; the test part, as bundled with
    scikit-learn.
    """

    def probe(self) -> Spec:
        """Known beforehand."""
        return Spec("classification", self.inputs, Field("class", (), 10))

    def load(self) -> Data:
        """Read the bundled file; see `DataOption.load`."""
        from runner.data.parts.assemble import divide, images

        content = bundled.read("digits.csv.gz")
        values = bundled.numbers(content)
        labels = values[:, -1].astype(np.int64)
        return images(
            self,
            values[:, :-1].astype(np.uint8).reshape(-1, 1, 8, 8),
            labels,
            divide(self, len(labels), labels),
            class_names=[str(digit) for digit in range(10)],
            fingerprint=sha256(content),
            ceiling=16,
        )
