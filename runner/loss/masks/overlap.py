"""What losses of overlapping masks share: one minus how much the predicted and the true area overlap."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge
from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.spec import IGNORED

Kind = Literal["dice", "iou"]


def overlap(probabilities: Tensor, truth: Tensor, kind: Kind, smooth: float = 1.0) -> Tensor:
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


class Overlap(Loss):
    """``1 - mean over classes of overlap``, of the softmax of the outputs. Pixels that are `IGNORED` are left out.

    Areas are those of a whole micro-batch, so with ``trainer.accumulate`` an update is the mean over its micro-batches.

    Attributes:
        kind: how overlap is measured.

    Args:
        smooth: added to numerator and denominator, at least 0.
    """

    tasks = frozenset({"segmentation"})
    link = "softmax"
    kind: ClassVar[Kind]

    def __init__(self, smooth: Annotated[float, Ge(0)] = 1.0) -> None:
        self.smooth = smooth

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Loss of logits ``(N, C, H, W)`` for class indices ``(N, H, W)``."""
        p = (outputs if outputs.element_size() >= 4 else outputs.float()).softmax(1)
        targets, counts = batch.targets[:, None], batch.targets[:, None] != IGNORED
        truth = p.new_zeros(p.shape).scatter_(1, targets.clamp(min=0), counts.to(p.dtype))
        return 1 - overlap(p * counts, truth, self.kind, self.smooth).mean()
