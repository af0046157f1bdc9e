"""Scores that are kept, as long as there are not too many of them, for metrics that must see all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runner.engine.metric import Scored, Statistic

if TYPE_CHECKING:
    from torch import Tensor


class Kept(Statistic):
    """Rows of what was scored (float32); once they are more than `limit` numbers, counts by bin of the score (int64).

    Whether they are counted depends on the examples alone, never on how they came. Scores of one bin then count as
    equal. Bins are those of `level`: so fine that two scores of one bin differ by less than 1/32 of the distance to
    the nearer end of [0, 1].

    Attributes:
        limit: numbers that are kept: 64 MiB.
    """

    limit: ClassVar[int] = 2**24

    def count(self, rows: Tensor) -> Tensor:
        """Rows that `summarize` gave, as counts; those of all rows are the sum of those of some. Must not wait."""
        raise NotImplementedError

    def update(self, scored: Scored) -> None:
        """Add some examples."""
        rows, total = self.summarize(scored), self.total
        if total is None or total.is_floating_point():
            rows = rows if total is None else _together(total, rows)
            self.total = rows if rows.numel() <= self.limit else self.count(rows)
        else:
            self.total = total + self.count(rows)

    def merged(self, totals: list[Tensor]) -> Tensor | None:
        """See `Statistic.merged`."""
        if not totals:
            return None
        if all(total.is_floating_point() for total in totals) and sum(t.numel() for t in totals) <= self.limit:
            return _together(*totals)
        return super().merged([self.count(t) if t.is_floating_point() else t for t in totals])


def _together(*rows: Tensor) -> Tensor:
    import torch

    return torch.cat(rows)


LEVELS = 8064  # of `level`


def level(scores: Tensor) -> Tensor:
    """The bin of each score in [0, 1], int64 from 0 to `LEVELS` - 1, never smaller for a larger score.

    The first bits of the floating-point number that is the distance to the nearer end of [0, 1]: 32 bins for each
    halving of the distance.
    """
    import torch

    near = torch.minimum(scores, 1 - scores).float().clamp(min=0).view(torch.int32) >> 18  # 0.5 becomes 4032
    return torch.where(scores < 0.5, near, LEVELS - 1 - near).long().clamp(0, LEVELS - 1)


def curve(total: Tensor) -> tuple[Tensor, Tensor]:
    """How many positives and negatives have at least a score, from the highest score to the lowest.

    Args:
        total: scores and truths ``(N, 2, C)`` float, or counts of negatives and positives ``(LEVELS, 2, C)`` int64.

    Returns:
        Two tensors ``(thresholds + 1, C)`` float64, each beginning with 0; between equal scores there is no threshold.
    """
    import torch

    if total.is_floating_point():
        scores, order = total[:, 0].sort(0, descending=True)
        truth = total[:, 1].gather(0, order)
        found = torch.stack([1 - truth, truth], 1).double().cumsum(0)
        ends = torch.ones_like(scores, dtype=torch.bool)
        ends[:-1] = scores[:-1] != scores[1:]
        found = found.where(ends[:, None], 0.0).cummax(0).values
    else:
        found = total.flip(0).cumsum(0).double()
    found = torch.cat([found.new_zeros(1, *found.shape[1:]), found])
    return found[:, 1], found[:, 0]


def thresholds(total: Tensor) -> Tensor:
    """The scores from which on `curve` counts ``(thresholds + 1, C)``, in its order; the first is above all of them.

    Of counts that end of each bin which is nearer to 0 or 1.
    """
    import torch

    if total.is_floating_point():
        scores = total[:, 0].sort(0, descending=True).values
    else:
        bits = torch.arange(LEVELS // 2, dtype=torch.int32, device=total.device) << 18
        near = bits.view(torch.float32)
        scores = torch.cat([near, 1 - near.flip(0)]).flip(0)[:, None].expand(-1, total.shape[2])
    return torch.cat([scores.new_full((1, scores.shape[1]), torch.inf), scores])


def areas_under_roc(positives: Tensor, negatives: Tensor) -> Tensor:
    """Area under the receiver operating characteristic of each class ``(C,)`` float64.

    The probability that an example of the class scores higher than another, half for equal scores; NaN where all
    examples or none belong to it.

    Args:
        positives: as `curve` gives them.
        negatives: likewise.
    """
    areas = ((positives[1:] + positives[:-1]) / 2 * negatives.diff(dim=0)).sum(0)
    return areas / (positives[-1] * negatives[-1])  # 0 / 0 where there are no pairs


def average_precisions(positives: Tensor, negatives: Tensor) -> Tensor:
    """``Σ (R_n - R_(n-1)) P_n`` over thresholds, of each class ``(C,)`` float64; NaN where no example belongs to it.

    Args:
        positives: as `curve` gives them.
        negatives: likewise.
    """
    precision = positives[1:] / (positives[1:] + negatives[1:]).clamp(min=1)
    return (precision * positives.diff(dim=0)).sum(0) / positives[-1]


class KeptScores(Kept):
    """The probability of each class or label, and whether it is true: ``(N, 2, C)``; see `Kept`.

    Each class is asked for against the rest; of two classes only the second is.
    """

    needs = frozenset({"probabilities"})

    def summarize(self, scored: Scored) -> Tensor:
        """Rows of some examples, from class indices ``(N,)`` or labels ``(N, C)``, and probabilities ``(N, C)``."""
        import torch

        p, truth = scored.probabilities, scored.targets
        assert p is not None
        if truth.ndim == 1:
            truth = torch.zeros_like(p).scatter_(1, truth[:, None], 1)
            if p.shape[1] == 2:
                p, truth = p[:, 1:], truth[:, 1:]
        return torch.stack([p, truth.to(p.dtype)], 1)

    def count(self, rows: Tensor) -> Tensor:
        """Counts ``(LEVELS, 2, C)`` of negatives and positives."""
        classes = rows.shape[2]
        columns = rows.new_ones(classes).long().cumsum(0) - 1
        cells = (2 * level(rows[:, 0]) + rows[:, 1].long()) * classes + columns
        counts = cells.new_zeros(LEVELS * 2 * classes)
        counts.index_add_(0, cells.flatten(), cells.new_ones(1).expand(cells.numel()))
        return counts.view(LEVELS, 2, classes)
