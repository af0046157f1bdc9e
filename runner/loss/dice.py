"""Dice loss."""

from __future__ import annotations

from runner.loss.masks.overlap import Overlap


class Dice(Overlap):
    """``1 - mean over classes of 2 Σpt / (Σp + Σt)`` of soft masks p and true ones t; see `Overlap`.

    Source: Milletari et al. 2016, "V-Net", section 3 (with plain sums in the denominator).
    """

    kind = "dice"
