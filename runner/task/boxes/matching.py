"""Which of the true boxes an anchor is to tell."""

from __future__ import annotations

from torch import Tensor

from runner.errors import ConfigError
from runner.task.boxes.overlap import iou


def match(
    boxes: Tensor, anchors: Tensor, foreground: float, background: float, nearest: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Which box each anchor is to tell: that which it overlaps most.

    Args:
        boxes: class, left, top, right and bottom ``(N, M, 5)``; class -1 is no box.
        anchors: left, top, right and bottom ``(P, 4)``, or of each image ``(N, P, 4)``.
        foreground: least overlap of an anchor that tells a box.
        background: overlap below which an anchor tells that there is nothing.
        nearest: whether the anchors that overlap a box most tell one anyhow.

    Returns:
        The box of each anchor ``(N, P, 5)``, whether it is to tell it, and whether it is to tell nothing; anchors with
        an overlap between the two are asked for neither.
    """
    there = (boxes[..., 0] >= 0)[:, None]
    overlap = iou(anchors[..., None, :], boxes[:, None, :, 1:]).where(there, -1.0)  # (N, P, M)
    best, index = overlap.max(2)
    tells = best >= foreground
    if nearest:
        most = overlap.amax(1, keepdim=True)
        tells = tells | ((overlap == most) & (most > 0)).any(2)
    return boxes.gather(1, index[..., None].expand(-1, -1, 5)), tells, (best < background) & ~tells


def refuse_crossed(foreground: float, background: float) -> None:
    """Refuse overlaps by which an anchor would tell both a box and nothing; see `match`.

    Raises:
        ConfigError: `background` is above `foreground`.
    """
    if background > foreground:
        raise ConfigError(
            f"loss.background={background}: expected at most loss.foreground={foreground}, the overlap from which an "
            "anchor tells a box."
        )
