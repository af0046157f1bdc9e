"""One operation of any strength, drawn for each image."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from runner.augmentation.base import Padding
from runner.augmentation.policy.base import Policy
from runner.augmentation.policy.operations import NONE, Draw, Space, Strength, drawn

BINS = 31
FARTHEST = 32  # pixels, whatever the size of the images


class TrivialAugment(Policy):
    """Do one operation to each image, drawn anew, of a strength drawn anew: nothing is to be tuned.

    Fourteen operations, the identity among them, are as likely, and 31 strengths of each, up to extreme ones; what has
    a sign has either. Operations work on pixels; those that need it fill with black (``zeros``).

    Args:
        padding_mode: what moves in from outside.

    Source: Müller and Hutter 2021, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", wide space.
    """

    space: ClassVar[Space] = {
        "identity": NONE,
        "shear_x": Strength(0.0, 0.99, True),
        "shear_y": Strength(0.0, 0.99, True),
        "translate_x": Strength(0.0, FARTHEST, True),
        "translate_y": Strength(0.0, FARTHEST, True),
        "rotation": Strength(0.0, 135.0, True),
        "brightness": Strength(0.0, 0.99, True),
        "saturation": Strength(0.0, 0.99, True),
        "contrast": Strength(0.0, 0.99, True),
        "sharpness": Strength(0.0, 0.99, True),
        "posterize": Strength(8, 2, whole=True),
        "solarize": Strength(1.0, 0.0),
        "autocontrast": NONE,
        "equalize": NONE,
    }

    def __init__(self, padding_mode: Padding = "zeros") -> None:
        self.padding_mode = padding_mode

    def draw(self, inputs: Tensor) -> tuple[int | Draw, ...]:
        """The images' height and width, and an operation for each image."""
        n, _, height, width = inputs.shape
        return height, width, drawn(self.space, n, torch.randint(BINS, (n,)), BINS, height, width)
