"""What mean average precision of boxes is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Scored
from runner.metric.statistic.kept import LEVELS, Kept, level

if TYPE_CHECKING:
    from torch import Tensor

THRESHOLDS = tuple(0.5 + 0.05 * i for i in range(10))  # of the overlap from which a box is found


class Detections(Kept):
    """Rows of class, score, and what a told box is at each of `THRESHOLDS`: ``(rows, 12)``; see `Kept`.

    1: it finds a true box, 0: it finds none, -1: it counts for nothing, as it lies in a crowd. Rows of true boxes have
    the score -1; rows of a class below 0 are none. Within an image boxes are taken by their score, and each finds the
    true box of its class that it overlaps most of those not found yet. How far a box lies in a crowd is the share of
    its own area; a crowd takes any number of boxes.
    """

    def summarize(self, scored: Scored) -> Tensor:
        """Rows of some images, from boxes ``(N, K, 6)`` with scores and true boxes ``(N, M, 5)``."""
        import torch

        order = scored.predictions[..., 5].argsort(dim=1, descending=True, stable=True)
        boxes = scored.predictions.gather(1, order[..., None].expand(-1, -1, scored.predictions.shape[2]))
        true = scored.targets
        overlap, inside = self.overlaps(boxes, true)
        alike = (boxes[:, :, None, 0] == true[:, None, :, 0]) & (boxes[:, :, None, 0] >= 0)
        overlap = overlap.where(alike, -1.0)
        crowd = (boxes[:, :, None, 0] == -2 - true[:, None, :, 0]) & (boxes[:, :, None, 0] >= 0)
        lies = inside.where(crowd, -1.0).amax(2)
        least = overlap.new_tensor(THRESHOLDS)
        free = torch.ones(len(true), len(THRESHOLDS), true.shape[1], dtype=torch.bool, device=true.device)
        hits = []
        for k in range(boxes.shape[1]):
            best, index = overlap[:, None, k].where(free, -1.0).max(2)  # (N, T)
            hit = best >= least
            free.scatter_(2, index[..., None], free.gather(2, index[..., None]) & ~hit[..., None])
            hits.append(hit.to(boxes.dtype).where(hit | (lies[:, k, None] < least), -1.0))
        found = torch.cat([boxes[..., :1], boxes[..., 5:6], torch.stack(hits, 1)], 2)
        wanted = torch.cat([true[..., :1], true.new_full((*true.shape[:2], 1 + len(THRESHOLDS)), -1.0)], 2)
        return torch.cat([found.flatten(0, 1), wanted.to(found.dtype).flatten(0, 1)])

    def overlaps(self, told: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        """Intersection over union, and the share of what is told that lies in what is true, both ``(N, K, M)``."""
        from runner.task.boxes.overlap import inside, iou

        exact = [b if b.device.type == "mps" else b.double() for b in (told, true)]
        sides = exact[0][:, :, None, 1:5], exact[1][:, None, :, 1:5]
        return iou(*sides), inside(*sides)

    def count(self, rows: Tensor) -> Tensor:
        """Counts ``(LEVELS + 1, C, 2 T)`` of boxes that count, and of those that are found; the last row of true ones.

        Of each first at every threshold the one, then the other.
        """
        import torch

        classes = self.spec.num_classes
        assert classes is not None
        label, score, there = rows[:, 0].long(), rows[:, 1], rows[:, :1] >= 0
        number = level(score.clamp(min=0)).where(score >= 0, LEVELS)
        counts = rows.new_zeros((LEVELS + 1) * classes, 2 * len(THRESHOLDS), dtype=torch.int64)
        values = torch.cat([(rows[:, 2:] >= 0) | (score < 0)[:, None], rows[:, 2:] > 0], 1).long()
        counts.index_add_(0, number * classes + label.clamp(min=0), values * there)
        return counts.view(LEVELS + 1, classes, -1)


def average_precisions(total: Tensor) -> Tensor:
    """Average precision of each class that occurs, at each of `THRESHOLDS` ``(classes, T)`` float64.

    The mean of the precision at the recalls 0, 0.01, ..., 1, where precision is the best at that recall or a higher
    one, and 0 at a recall that is not reached.

    Args:
        total: rows or counts; see `Detections`.
    """
    import torch

    each = [average_precision_of(*entry) for entry in by_class(total.cpu()).values()]
    return torch.stack(each) if each else torch.full((1, len(THRESHOLDS)), torch.nan, dtype=torch.float64)


def average_precision_of(told: Tensor, found: Tensor, true: int) -> Tensor:
    """Average precision of one class at each of `THRESHOLDS` ``(T,)`` float64, from what `by_class` gives of it."""
    import numpy as np
    import torch

    recalls = torch.from_numpy(np.linspace(0, 1, 101))  # torch's differ in the last bit, and 0.28 must be 7 of 25
    precision = (found / told.clamp(min=1)).flip(0).cummax(0).values.flip(0)
    precision = torch.cat([precision, precision.new_zeros(1, precision.shape[1])])
    places = torch.searchsorted((found / true).T.contiguous(), recalls.expand(found.shape[1], -1).contiguous())
    return precision.gather(0, places.T).mean(0)


def by_class(total: Tensor) -> dict[int, tuple[Tensor, Tensor, int]]:
    """Of each class that occurs: boxes told so far that count ``(D, T)``, found so far ``(D, T)``, and true ones."""
    if not total.is_floating_point():
        steps = total[:-1].flip(0).cumsum(0).double()
        wanted, t = total[-1, :, 0].tolist(), len(THRESHOLDS)
        return {c: (steps[:, c, :t], steps[:, c, t:], true) for c, true in enumerate(wanted) if true}
    made = {}
    for label in total[(total[:, 1] < 0) & (total[:, 0] >= 0), 0].unique():
        own = total[total[:, 0] == label]
        rows = own[own[:, 1] >= 0]
        rows = rows[rows[:, 1].argsort(dim=0, descending=True, stable=True)]
        told, found = (part.double().cumsum(0) for part in (rows[:, 2:] >= 0, rows[:, 2:] > 0))
        made[int(label)] = (told, found, int((own[:, 1] < 0).sum()))
    return made
