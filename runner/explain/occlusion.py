"""How much the answer falls where a part of the input is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum import attr

from runner.explain.base import Attribution, zero_in_words
from runner.explain.subject.columns import columns_of, mask_of

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case


class Occlusion(Attribution):
    """``f(x) - f(x without a part)``: of images windows of a quarter of each side at steps of an eighth, all channels.

    Of series one variable in a window of an eighth of the steps, of tables one column. A pixel under several windows
    has their mean. What is hidden becomes zero behind scaling.

    Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2; captum's
    Occlusion and FeatureAblation.
    """

    kinds = ("image", "table", "series")
    asks = kinds
    reduction = "first"
    instead = "a hidden token would have to be another one: shap and lime put an unknown one in its place"

    def baseline(self) -> str:
        """See `Attribution.baseline`."""
        return zero_in_words(self.explained)

    def attribute(self, case: Case) -> tuple[Tensor, None]:
        """See `Attribution.attribute`."""
        x, forward, size = case.inputs, self.explained.forward, self.explained.at_once
        if self.explained.kind == "table":
            mask = mask_of(columns_of(self.explained), x.device)
            shares = attr.FeatureAblation(forward).attribute(
                x, 0, case.target, case.arguments, mask, perturbations_per_eval=size
            )
            return shares, None
        window: tuple[int, ...]
        if self.explained.kind == "image":
            window = (x.shape[1], max(1, x.shape[2] // 4), max(1, x.shape[3] // 4))
        else:
            window = (max(1, x.shape[1] // 8), 1)
        steps = tuple(max(1, side // 2) for side in window)
        shares = attr.Occlusion(forward).attribute(
            x, window, (window[0], *steps[1:]), 0, case.target, case.arguments, perturbations_per_eval=size
        )
        return shares, None
