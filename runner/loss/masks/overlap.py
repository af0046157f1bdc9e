"""Losses of masks: one minus how much the predicted and the true area overlap."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor
from torch.nn import functional as F


def overlap(probabilities: Tensor, truth: Tensor, kind: Literal["dice", "iou"], smooth: float = 1.0) -> Tensor:
    """Soft overlap of every class, over the whole batch: ``2 Σpt / (Σp + Σt)`` or ``Σpt / (Σp + Σt - Σpt)``.

    Args:
        probabilities: p ``(N, C, ...)``.
        truth: t, of the same shape, 0 or 1.
        kind: Dice's coefficient, or intersection over union (Jaccard's).
        smooth: added to numerator and denominator, so that a class which is nowhere and found nowhere has 1.

    Returns:
        ``(C,)``, in [0, 1].
    """
    across = [0, *range(2, probabilities.ndim)]
    both, areas = (probabilities * truth).sum(across), (probabilities + truth).sum(across)
    return (2 * both + smooth) / (areas + smooth) if kind == "dice" else (both + smooth) / (areas - both + smooth)


class Overlap:
    """``1 - mean over classes of overlap``, of the softmax of the outputs.

    Args:
        kind: ``dice`` or ``iou``.
        smooth: added to numerator and denominator, at least 0.

    Source: Milletari et al. 2016, "V-Net", section 3 (with plain sums in the denominator); Rahman and Wang 2016,
    "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation", equation 3.
    """

    def __init__(self, kind: Literal["dice", "iou"] = "dice", smooth: Annotated[float, Ge(0)] = 1.0) -> None:
        self.kind, self.smooth = kind, smooth

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of logits ``(N, C, H, W)`` for class indices ``(N, H, W)``."""
        truth = F.one_hot(targets, outputs.shape[1]).movedim(-1, 1)
        return 1 - overlap(outputs.float().softmax(1), truth, self.kind, self.smooth).mean()
