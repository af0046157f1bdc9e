"""Tags of words without their sentences: how often each word had which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runner.baseline.ngrams import batches
from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.split import Split


class TagOfWord:
    """``(count(word, tag) + p(tag)) / (count(word) + 1)``: the most frequent tag of each word in the training part.

    ``p(tag) = (count(tag) + 1) / (N + T)``, of N words and T tags: words that were not met have the most frequent tag.
    Words that the vocabulary has not are one word, as for the network, which is not told how they are spelled.

    Args:
        vocabulary: number of words.
        tags: T.
        looks: at the word; without it every word has p(tag).
    """

    def __init__(self, vocabulary: int, tags: int, looks: bool = True) -> None:
        self.counts, self.looks = torch.zeros(vocabulary, tags, dtype=torch.float64), looks

    def fit(self, part: Split) -> TagOfWord:
        """Count."""
        words, tags = self.counts.shape
        for batch in batches(part):
            inside = batch.targets != IGNORED
            pairs = batch.inputs[inside] * tags + batch.targets[inside]
            self.counts += torch.bincount(pairs, minlength=words * tags).view(words, tags)
        return self

    def outputs(self, batch: Batch) -> Tensor:
        """Logarithms of the probabilities ``(N, steps, T)``."""
        prior = (self.counts.sum(0) + 1) / (self.counts.sum() + self.counts.shape[1])
        if not self.looks:
            return prior.log().float().expand(*batch.inputs.shape, -1)
        counts = self.counts[batch.inputs.cpu()]
        return ((counts + prior) / (counts.sum(-1, keepdim=True) + 1)).log().float()
