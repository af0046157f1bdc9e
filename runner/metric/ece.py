"""Expected calibration error."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from runner.engine.metric import Metric, Scored, Statistic

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec


class CalibrationSums(Statistic):
    """Sums ``(3, bins)`` over examples, by their confidence: 1, confidence, whether the prediction is right.

    In float64, or in float32 on devices without it (mps).
    """

    needs = frozenset({"probabilities"})

    def __init__(self, spec: Spec, bins: int) -> None:
        super().__init__(spec)
        self.bins = bins

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from class indices ``(N,)`` and probabilities ``(N, C)``."""
        assert scored.probabilities is not None
        confidence = scored.probabilities.gather(1, scored.predictions[:, None])[:, 0]
        confidence = confidence if confidence.device.type == "mps" else confidence.double()
        number = (confidence * self.bins).ceil().long().clamp(1, self.bins) - 1
        right = (scored.predictions == scored.targets).to(confidence.dtype)
        sums = confidence.new_zeros(3, self.bins)
        sums[0].index_add_(0, number, confidence.new_ones(1).expand_as(confidence))
        sums[1].index_add_(0, number, confidence)
        sums[2].index_add_(0, number, right)
        return sums


class ECE(Metric):
    """Expected calibration error: how far confidence is from the share of right predictions, in [0, 1].

    ``Σ_b n_b / N |right_b / n_b - mean confidence_b|`` over bins ``((b - 1) / B, b / B]`` of the predicted class's
    probability.

    Args:
        bins: B, at least 1.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """

    name = "ece"
    direction = "min"
    tasks = frozenset({"classification", "nodes"})
    reported = False
    comparable = True

    def __init__(self, bins: Annotated[int, Ge(1)] = 15) -> None:
        self.statistic = partial(CalibrationSums, bins=bins)

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(3, bins)``."""
        count, confidence, right = total
        error: Tensor = (right - confidence).abs().sum() / count.sum()
        return error
