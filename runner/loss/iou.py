"""Intersection over union as a loss."""

from __future__ import annotations

from runner.loss.masks.overlap import Overlap


class IoU(Overlap):
    """``1 - mean over classes of Σpt / (Σp + Σt - Σpt)`` of soft masks p and true ones t; see `Overlap`.

    Source: Rahman and Wang 2016, "Optimizing Intersection-Over-Union in Deep Neural Networks for
    Image Segmentation", equation 3.
    """

    kind = "iou"
