"""What a detector tells of an image, read from its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.task.boxes.stages import two_stage

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Told:
    """A box and a logit of each class for each of the places P that a detector looks at.

    Attributes:
        boxes: left, top, right and bottom in pixels ``(N, P, 4)``.
        logits: of sigmoids ``(N, P, C)``.
        anchors: the boxes that the places stand for, the same for every image ``(P, 4)``; None of a grid, and of a
            two-stage detector.
        centreness: logit of how near a place is to its box's centre ``(N, P)``; None where that is not told.
    """

    boxes: Tensor
    logits: Tensor
    anchors: Tensor | None
    centreness: Tensor | None

    @property
    def scores(self) -> Tensor:
        """Of each class ``(N, P, C)``, in [0, 1]: its probability, or its geometric mean with that of centre-ness."""
        each = self.logits.sigmoid()
        return each if self.centreness is None else (each * self.centreness.sigmoid()[..., None]).sqrt()


def told(outputs: Tensor, classes: int) -> Told:
    """Read outputs, in at least float32.

    Args:
        outputs: a grid ``(N, rows, columns, 4 + C)`` of boxes and logits, or ``(N, P, 8 + C)`` with anchors behind
            them, or ``(N, P, 9 + C)`` with the centre-ness last, or what `runner.task.boxes.stages` reads.
        classes: C.
    """
    twice = two_stage(outputs, classes)
    outputs = outputs if outputs.element_size() >= 4 else outputs.float()
    boxes, logits, rest = outputs.flatten(1, -2).tensor_split([4, 4 + classes], -1)
    width = 0 if twice else rest.shape[-1]
    return Told(boxes, logits, rest[0, :, :4].detach() if width else None, rest[..., 4] if width > 4 else None)
