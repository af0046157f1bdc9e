"""Tokens put into texts."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import torch
from annotated_types import Gt, Le

from runner.augmentation.text.base import TextTechnique, of_text, share_of
from runner.engine.spec import END, PADDING

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit


class RandomInsertion(TextTechnique):
    """Put as many more tokens into a text as `alpha` of its own, at least one, each in front of any token.

    They are drawn from the text itself, and need no thesaurus; in the paper they are synonyms of its words. What would
    get longer than the longest text of the training part is cut there, as by ``data.longest``; the token that ends a
    text stays. So a network is given no longer texts than without.

    Args:
        alpha: share of the tokens, above 0 and at most 1.

    Source: Wei & Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
        Tasks", section 2.
    """

    longest: int | None = None

    def __init__(self, alpha: Annotated[float, Gt(0), Le(1)] = 0.1) -> None:
        self.alpha = alpha

    def setup(self, fit: Fit) -> None:
        """Look up how long texts are."""
        with suppress(NotImplementedError):  # data of the user's own may not tell
            self.longest = int(fit.train.split.lengths().max())

    def apply(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """See `TextTechnique.apply`."""
        words, steps = of_text(tokens), tokens.shape[1]
        count = words.sum(1, keepdim=True)
        room = max(1, int(self.alpha * steps))  # in the longest text there can be
        number = share_of(count, self.alpha, count.clamp(max=room))
        wanted = torch.arange(room, device=tokens.device) < number
        places = (~words).long().argsort(dim=1, stable=True)  # of tokens of the text, in front of others
        draws = torch.rand(2, len(tokens), room, device=tokens.device) * count
        which, where = (places.gather(1, draw) for draw in draws.long().minimum(count - 1).clamp(min=0))
        inserted = tokens.gather(1, which).where(wanted, PADDING)
        own = torch.arange(0, 2 * steps, 2, device=tokens.device).expand_as(tokens)
        order = torch.cat((own, (2 * where - 1).where(wanted, 2 * steps)), 1).argsort(dim=1, stable=True)
        longer = torch.cat((tokens, inserted), 1).gather(1, order)
        before, last = (tokens != PADDING).sum(1), (longer != PADDING).sum(1) - 1
        longer = longer.narrow(1, 0, min(longer.shape[1], self.longest or longer.shape[1]))
        kept = last.clamp(max=longer.shape[1] - 1)
        cut = (kept < last) & (tokens == END).any(1)
        ends = torch.arange(longer.shape[1], device=tokens.device) == kept.unsqueeze(1)
        return longer.masked_fill(ends & cut.unsqueeze(1), END), kept + 1 - before
