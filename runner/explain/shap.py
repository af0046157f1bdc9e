"""Shapley values: the part of each input in the difference to what the network answers elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from captum import attr

from runner.engine.spec import UNKNOWN
from runner.explain.base import Attribution
from runner.explain.subject.columns import columns_of, mask_of
from runner.explain.subject.examples import background
from runner.explain.subject.explained import repeated

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case

ROWS = 32  # training examples that stand for the rest
ORDERS = 32  # in which columns or tokens are put in, where not all are tried
EXACT = 5  # columns of which all orders are tried
PATHS = 512  # between an image and a training image, at one point each


class Shap(Attribution):
    """Shapley values of the answer; they sum to it less the base value.

    Of tables the columns are players (what was made of one column goes together), and a column that is out has its
    value in a training example; the base value is the mean answer for these 32 examples. Of texts the tokens are
    players, and one that is out is unknown. Up to 5 players are put in in all orders (captum's ShapleyValues), more in
    32 drawn ones (ShapleyValueSampling): their sum is exact either way. Of images and series they are approximated by
    expected gradients from training examples (GradientShap), whose sum is not exact.

    Source: Lundberg and Lee 2017, "A Unified Approach to Interpreting Model Predictions"; Štrumbelj and Kononenko 2014,
    "Explaining Prediction Models and Individual Predictions with Feature Contributions"; Erion et al. 2021, "Improving
    Performance of Deep Learning Models with Axiomatic Attribution Priors and Expected Gradients".
    """

    kinds = ("image", "table", "series", "tokens")
    asks = ("table", "tokens")
    complete = True
    categories = True
    instead = "its players would be nodes and edges, which is not supported"

    def baseline(self) -> str:
        """See `Attribution.baseline`."""
        if self.explained.kind == "tokens":
            return "unknown tokens (ShapleyValueSampling; ShapleyValues of up to 5)"
        table = "ShapleyValues" if len(columns_of(self.explained)) <= EXACT else "ShapleyValueSampling"
        return f"{ROWS} training examples, drawn ({table if self.explained.kind == 'table' else 'GradientShap'})"

    @property
    def gradient(self) -> bool:  # type: ignore[override]
        """Of images and series it is made of gradients."""
        return self.explained.kind in ("image", "series")

    @property
    def reduction(self) -> str:  # type: ignore[override]
        """Columns are players; pixels have a share for each channel."""
        return "first" if self.explained.kind == "table" else "sum"

    def attribute(self, case: Case) -> tuple[Tensor, float]:
        """See `Attribution.attribute`."""
        if self.explained.kind == "tokens":
            unknown = torch.full_like(case.inputs, UNKNOWN)
            mask = torch.arange(case.inputs.shape[1], device=case.inputs.device)[None]
            return self._in_orders(case, unknown, mask), self.explained.answer(case, unknown)
        others = background(self.explained, self.data(), ROWS)
        base = self.explained.answer(case, others)
        if self.explained.kind == "table":
            return self._in_orders(case, others, mask_of(columns_of(self.explained), others.device)), base
        size = min(self.explained.at_once, PATHS)
        method, rounds = attr.GradientShap(self.explained.forward), math.ceil(PATHS / size)
        shares = [
            method.attribute(
                case.inputs, others, size, target=case.target, additional_forward_args=case.arguments
            ).detach()
            for _ in range(rounds)
        ]
        return torch.stack(shares).mean(0), base

    def _in_orders(self, case: Case, others: Tensor, mask: Tensor) -> Tensor:
        """The mean over the others of what each player adds."""
        rows = len(others)
        inputs, arguments = case.inputs.expand(rows, *case.inputs.shape[1:]), repeated(case.arguments, rows)
        at_once = max(1, self.explained.at_once // rows)
        if int(mask.max()) < EXACT:
            shares = attr.ShapleyValues(self.explained.forward).attribute(
                inputs, others, case.target, arguments, mask, at_once
            )
        else:
            shares = attr.ShapleyValueSampling(self.explained.forward).attribute(
                inputs, others, case.target, arguments, mask, ORDERS, at_once
            )
        mean: Tensor = shares.mean(0, keepdim=True)
        return mean
