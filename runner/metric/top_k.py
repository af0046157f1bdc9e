"""Top-k accuracy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from runner.engine.metric import Metric, Scored, Statistic
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec


class TopHits(Statistic):
    """How many examples have their class among the `k` most probable, and how many there are ``(2,)`` int64.

    Raises:
        ConfigError: there are not more than `k` classes.
    """

    needs = frozenset({"probabilities"})

    def __init__(self, spec: Spec, k: int) -> None:
        super().__init__(spec)
        self.k = k
        if spec.num_classes is not None and k >= spec.num_classes:
            raise ConfigError(
                f"metric.top_k.k={k}: with {spec.num_classes} classes every answer would be right. Expected less."
            )

    def summarize(self, scored: Scored) -> Tensor:
        """The counts of some examples, from class indices ``(N,)`` and probabilities ``(N, C)``."""
        p, targets = scored.probabilities, scored.targets[:, None]
        assert p is not None
        own = p.gather(1, targets)
        index = p.new_ones(p.shape[1]).cumsum(0) - 1  # of two classes alike the first is taken, as argmax does
        before = ((p > own) | ((p == own) & (index < targets))).sum(1)
        counts = targets.new_empty(2)
        counts[0] = (before < self.k).sum()
        counts[1] = len(targets)
        return counts


class TopK(Metric):
    """Share of examples whose class is among the `k` most probable, in [0, 1]; with k = 1 it is accuracy.

    Of classes with one probability the first come first, so that a network that knows nothing earns nothing by it.

    Args:
        k: how many answers are allowed, less than there are classes.

    Source: Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge", section 4.1.
    """

    name = "top_k"
    direction = "max"
    tasks = frozenset({"classification", "nodes"})
    reported = False
    comparable = True

    def __init__(self, k: Annotated[int, Ge(1)] = 5) -> None:
        self.statistic = partial(TopHits, k=k)

    def compute(self, total: Tensor) -> Tensor:
        """The value from the counts ``(2,)``."""
        return total[0] / total[1]
