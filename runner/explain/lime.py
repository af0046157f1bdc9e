"""A linear model of the network in the neighbourhood of one example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from captum import attr
from captum._utils.models.linear_model import SkLearnRidge
from torch.nn import functional as F

from runner.engine.spec import UNKNOWN
from runner.explain.base import Attribution, zero_in_words
from runner.explain.subject.columns import columns_of, mask_of

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case

DRAWN = 1000  # neighbours
PATCHES = 8  # of an image's side


class Lime(Attribution):
    """Coefficients of a ridge regression of the answer on which parts of the example are there.

    1,000 neighbours are drawn, in each of which every part is there by even chance; they weigh ``exp(-d² / 2)`` with d
    the cosine distance of their inputs to the example's. Parts of an image are 8 x 8 patches, of which one that is not
    there has its mean colour; columns of a table are zero behind scaling, tokens unknown.

    Source: Ribeiro et al. 2016, "'Why Should I Trust You?': Explaining the Predictions of Any Classifier", equation 1;
    captum's Lime.
    """

    kinds = ("image", "table", "tokens")
    asks = kinds
    reduction = "first"
    instead = "which of its parts should go together is not known"

    def baseline(self) -> str:
        """See `Attribution.baseline`."""
        words = {"image": "patches of their mean colour", "tokens": "unknown tokens"}
        return words.get(self.explained.kind) or zero_in_words(self.explained)

    def attribute(self, case: Case) -> tuple[Tensor, None]:
        """See `Attribution.attribute`."""
        baseline, mask = self.parts(case.inputs)
        method = attr.Lime(self.explained.forward, SkLearnRidge(alpha=1.0))
        coefficients = method.attribute(
            case.inputs,
            baseline,
            case.target,
            case.arguments,
            mask,
            DRAWN,
            self.explained.at_once,
        )
        return coefficients, None

    def parts(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What stands where a part is missing, and the number of the part that each input belongs to."""
        if self.explained.kind == "table":
            return torch.zeros_like(inputs), mask_of(columns_of(self.explained), inputs.device)
        if self.explained.kind == "tokens":
            return torch.full_like(inputs, UNKNOWN), torch.arange(inputs.shape[1], device=inputs.device)[None]
        height, width = inputs.shape[-2:]
        rows, columns = min(PATCHES, height), min(PATCHES, width)
        down = torch.arange(height, device=inputs.device) * rows // height
        across = torch.arange(width, device=inputs.device) * columns // width
        mask = down[:, None] * columns + across
        marks = F.one_hot(mask.flatten(), rows * columns).to(inputs.dtype)
        means = inputs.flatten(2) @ (marks / marks.sum(0))
        return means[..., mask], mask.expand(1, 1, -1, -1)
