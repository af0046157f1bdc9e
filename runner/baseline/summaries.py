"""Series of whatever length as a few numbers each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from runner.cleaning.likeness.vectors import AT_ONCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runner.engine.split import Split


def summaries(split: Split) -> NDArray[np.float32]:
    """Mean, deviation, smallest and largest value of each channel of each series ``(N, 4 * channels)``.

    Args:
        split: series, of their own `lengths` where they are unequal; each is read once.
    """
    found = []
    for rows in torch.arange(len(split)).split(AT_ONCE):
        batch = split.read(rows)
        x = batch.inputs.cpu().double()  # (N, T, F)
        lengths = batch.more.get("lengths", torch.full((len(x),), x.shape[1])).cpu()[:, None, None]
        inside = torch.arange(x.shape[1])[:, None] < lengths
        mean = x.where(inside, 0.0).sum(1) / lengths[:, 0]
        deviation = ((x - mean[:, None]).square().where(inside, 0.0).sum(1) / lengths[:, 0]).sqrt()
        ends = (x.where(inside, torch.inf).amin(1), x.where(inside, -torch.inf).amax(1))
        found.append(torch.cat((mean, deviation, *ends), 1))
    return torch.cat(found).float().numpy()
