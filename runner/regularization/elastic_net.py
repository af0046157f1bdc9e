"""A penalty on absolute and on squared weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from runner.regularization.l1 import absolute_sum
from runner.regularization.l2 import square_sum
from runner.regularization.weights.penalty import WeightPenalty

if TYPE_CHECKING:
    from torch import Tensor


class ElasticNet(WeightPenalty):
    """Add ``l1 * sum |w| + l2 * sum w^2`` to the loss, over weights (two or more dimensions), not norms and biases.

    The same as `L1` and `L2` together, with one look at the weights. It is the paper's form with a strength for each
    part; scikit-learn's ``alpha`` and ``l1_ratio`` are ``l1 = alpha * l1_ratio`` and ``l2 = alpha (1 - l1_ratio) / 2``.

    Args:
        l1: strength of the absolute part, at least 0.
        l2: strength of the squared part, at least 0.

    Source: Zou and Hastie 2005, "Regularization and Variable Selection via the Elastic Net", equation 3.
    """

    conflicts: ClassVar[dict[str, str]] = dict.fromkeys(("l1", "l2"), "elastic_net contains it already")

    def __init__(self, l1: Annotated[float, Ge(0)] = 1e-5, l2: Annotated[float, Ge(0)] = 1e-4) -> None:
        self.l1, self.l2 = l1, l2

    def penalty(self) -> Tensor:
        """The term, a tensor of no dimensions."""
        return self.l1 * absolute_sum(self.weights) + self.l2 * square_sum(self.weights)
