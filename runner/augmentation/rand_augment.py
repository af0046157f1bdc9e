"""Operations of one strength, drawn for each image."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import Padding
from runner.augmentation.policy.base import Policy
from runner.augmentation.policy.operations import NONE, Draw, Space, Strength, drawn

BINS = 31


class RandAugment(Policy):
    """Do some operations, drawn anew for each image, one after the other, all of the same strength.

    Fourteen operations, the identity among them, are as likely; what has a sign has either. Operations work on pixels;
    those that need it fill with black (``zeros``).

    Args:
        operations: how many, at least 1.
        magnitude: strength, 0 to 30.
        padding_mode: what moves in from outside.

    Source: Cubuk et al. 2020, "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space"; ranges
    as in torchvision.
    """

    space: ClassVar[Space] = {
        "identity": NONE,
        "shear_x": Strength(0.0, 0.3, True),
        "shear_y": Strength(0.0, 0.3, True),
        "translate_x": Strength(0.0, 150 / 331, True, "width"),
        "translate_y": Strength(0.0, 150 / 331, True, "height"),
        "rotation": Strength(0.0, 30.0, True),
        "brightness": Strength(0.0, 0.9, True),
        "saturation": Strength(0.0, 0.9, True),
        "contrast": Strength(0.0, 0.9, True),
        "sharpness": Strength(0.0, 0.9, True),
        "posterize": Strength(8, 4, whole=True),
        "solarize": Strength(1.0, 0.0),
        "autocontrast": NONE,
        "equalize": NONE,
    }

    def __init__(
        self,
        operations: Annotated[int, Ge(1)] = 2,
        magnitude: Annotated[int, Ge(0), Le(30)] = 9,
        padding_mode: Padding = "zeros",
    ) -> None:
        self.operations, self.magnitude, self.padding_mode = operations, magnitude, padding_mode

    def draw(self, inputs: Tensor) -> tuple[int | Draw, ...]:
        """The images' height and width, and for each image one operation after the other."""
        n, _, height, width = inputs.shape
        bins = torch.full((n,), self.magnitude)
        return height, width, *(drawn(self.space, n, bins, BINS, height, width) for _ in range(self.operations))
