"""Examples as vectors of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from runner.engine.spec import Kind
    from runner.engine.split import Split

COMPARABLE: tuple[Kind, ...] = ("table", "series", "image")
SIDE = 16
AT_ONCE = 1024


def vectors(split: Split) -> NDArray[np.float32]:
    """The inputs of all examples, each as one vector ``(N, F)``; every example is read once.

    Images larger than 16 pixels are averaged down to 16 by 16; that they differ in detail no longer shows.

    Args:
        split: rows of a table, series or images, all of one shape.
    """
    read = [_small(split.read(rows).inputs.cpu().float()) for rows in torch.arange(len(split)).split(AT_ONCE)]
    found: NDArray[np.float32] = np.nan_to_num(torch.cat(read).flatten(1).numpy())
    return found + np.float32(0)  # one zero, where -0 and 0 would be two


def _small(inputs: Tensor) -> Tensor:
    if inputs.ndim < 4:
        return inputs
    height, width = (min(side, SIDE) for side in inputs.shape[-2:])
    return adaptive_avg_pool2d(inputs, (height, width))
