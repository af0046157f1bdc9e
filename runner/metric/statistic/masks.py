"""What mean average precision of masks is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.metric.statistic.detections import Detections

if TYPE_CHECKING:
    from torch import Tensor


class Masks(Detections):
    """As `Detections`, of boxes with masks: what overlaps are masks, of pixels that are told with 0.5 or more."""

    def overlaps(self, told: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        """See `Detections.overlaps`, from ``(N, K, 6 + m * m)`` and ``(N, M, 5 + H * W)``."""
        import torch

        from runner.task.boxes.instances import pasted

        height, width = self.spec.input_shape[1:]
        side = round((told.shape[2] - 6) ** 0.5)
        found = []
        for boxes, things in zip(told, true, strict=True):  # one by one, as whole masks take much memory
            masks = pasted(boxes[:, 1:5], boxes[:, 6:].unflatten(1, (side, side)), height, width) >= 0.5
            own, other = masks.flatten(1).to(boxes.dtype), things[:, 5:].to(boxes.dtype)
            both, area, others = (
                n if n.device.type == "mps" else n.double() for n in (own @ other.T, own.sum(1)[:, None], other.sum(1))
            )
            union = area + others - both
            found.append(torch.stack([both / union.clamp(min=1), both / area.clamp(min=1)]))
        exact = torch.stack(found, 1)
        return exact[0], exact[1]
