"""Tokens of texts that change places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from annotated_types import Gt, Le

from runner.augmentation.text.base import TextTechnique, of_text, share_of

if TYPE_CHECKING:
    from torch import Tensor


class RandomSwap(TextTechnique):
    """Let two tokens of a text change places, as often as `alpha` of its tokens: at least once.

    No token takes part twice, so that all can be done at once; the published code draws one pair after the other. A
    text of one token stays.

    Args:
        alpha: share of swaps among the tokens, above 0 and at most 0.5, where every token takes part.

    Source: Wei & Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
        Tasks", section 2.
    """

    def __init__(self, alpha: Annotated[float, Gt(0), Le(0.5)] = 0.1) -> None:
        self.alpha = alpha

    def apply(self, tokens: Tensor) -> tuple[Tensor, int]:
        """See `TextTechnique.apply`."""
        words = of_text(tokens)
        count = words.sum(1, keepdim=True)
        swaps = share_of(count, self.alpha, count // 2)
        order = (
            torch.rand(tokens.shape, device=tokens.device).where(words, 2.0).argsort(1)
        )  # places of tokens, shuffled
        ranks = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        partners = order.gather(1, torch.where(ranks < 2 * swaps, ranks ^ 1, ranks))
        return tokens.gather(1, torch.empty_like(order).scatter(1, order, partners)), 0
