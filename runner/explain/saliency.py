"""The answer's gradient by the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum import attr

from runner.explain.base import Attribution

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case


class Saliency(Attribution):
    """``|∂f(x) / ∂x|``, of a pixel the largest of its channels: how much the answer changes with each number a little.

    Source: Simonyan et al. 2014, "Deep Inside Convolutional Networks: Visualising Image Classification Models and
    Saliency Maps", section 3.1; captum's Saliency.
    """

    kinds = ("image", "table", "series")
    gradient = True
    signed = False
    reduction = "max"
    instead = "a token has no gradient: token_attribution takes that of its embedding"

    def attribute(self, case: Case) -> tuple[Tensor, None]:
        """See `Attribution.attribute`."""
        inputs = case.inputs.detach().clone().requires_grad_()
        return attr.Saliency(self.explained.forward).attribute(inputs, case.target, True, case.arguments), None
