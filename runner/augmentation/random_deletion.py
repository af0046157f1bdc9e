"""Tokens of texts left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runner.augmentation.base import Probability
from runner.augmentation.text.base import TextTechnique, of_text
from runner.engine.spec import PADDING

if TYPE_CHECKING:
    from torch import Tensor


class RandomDeletion(TextTechnique):
    """Leave out each token of a text with probability `p`; the others close up, and padding follows.

    Of a text that would lose all of its tokens one stays, any of them alike.

    Args:
        p: in [0, 1].

    Source: Wei & Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
        Tasks", section 2.
    """

    def __init__(self, p: Probability = 0.1) -> None:
        self.p = p

    def apply(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """See `TextTechnique.apply`."""
        words, draw = of_text(tokens), torch.rand(tokens.shape, device=tokens.device)
        left_out = words & (draw < self.p)
        last = draw.where(words, -1.0).argmax(1, keepdim=True)  # the last to go, with whatever p
        left_out = left_out.scatter(1, last, False)
        order = left_out.long().argsort(dim=1, stable=True)
        return tokens.masked_fill(left_out, PADDING).gather(1, order), -left_out.sum(1)
