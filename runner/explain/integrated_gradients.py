"""The answer's gradient, summed up on the way from a baseline to the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from captum import attr

from runner.explain.base import Attribution, zero_in_words

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case, Explained

STEPS = 128


class IntegratedGradients(Attribution):
    """``(x - b) ∫ ∂f(b + α (x - b)) / ∂x dα``: sums to ``f(x) - f(b)``. The baseline b is zero behind scaling.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", equation 1, in 128 steps of
    Gauss-Legendre; captum's IntegratedGradients.
    """

    kinds = ("image", "table", "series")
    gradient = True
    complete = True
    instead = "a way from one token to another has no points between: token_attribution takes it between embeddings"

    def baseline(self) -> str:
        """See `Attribution.baseline`."""
        return zero_in_words(self.explained)

    def attribute(self, case: Case) -> tuple[Tensor, float]:
        """See `Attribution.attribute`."""
        method = attr.IntegratedGradients(self.explained.forward)
        return integrated(method, self.explained, case, torch.zeros_like(case.inputs))


def integrated(
    method: attr.IntegratedGradients | attr.LayerIntegratedGradients, explained: Explained, case: Case, baseline: Tensor
) -> tuple[Tensor, float]:
    """The integral from a baseline to the input of a case, and the answer at the baseline."""
    at_once = explained.at_once
    shares = method.attribute(
        case.inputs, baseline, case.target, case.arguments, n_steps=STEPS, internal_batch_size=at_once
    )
    return shares, explained.answer(case, baseline)
