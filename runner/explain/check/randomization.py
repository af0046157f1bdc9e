"""The model parameter randomization test: weights that were never trained must be explained otherwise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Rank correlation of absolute values from which on an explanation is warned of.
HIGH = 0.5

# Networks that the examples are compared with in turn: one alone may be like the trained one by chance.
UNTRAINED = 3


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's correlation of the absolute values of two attributions of one example; NaN where one is constant.

    Source: Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3.
    """
    from scipy.stats import spearmanr

    a, b = one.abs().flatten().double(), other.abs().flatten().double()
    if len(a) < 2 or torch.all(a == a[0]) or torch.all(b == b[0]):
        return math.nan
    return float(spearmanr(a.numpy(), b.numpy()).statistic)


def mean_of(correlations: list[float]) -> float | None:
    """The mean of those that are defined; None where none is."""
    defined = [value for value in correlations if math.isfinite(value)]
    return sum(defined) / len(defined) if defined else None
