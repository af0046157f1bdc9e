"""Language models that count: how often each token was met, and how often behind which others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from scipy.sparse import csr_array
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.split import Split

    Counts = NDArray[Any]

AT_ONCE = 1024  # examples of which tokens are counted together


def batches(part: Split) -> Iterator[Batch]:
    """All examples of a part."""
    return (part.read(rows) for rows in torch.arange(len(part)).split(AT_ONCE))


class Unigram:
    """``(count + 1) / (N + V)``: each token as often as in N tokens of the training part, whatever stands in front.

    Args:
        vocabulary: V.

    Source: Laplace's rule of succession.
    """

    def __init__(self, vocabulary: int) -> None:
        self.counts = torch.zeros(vocabulary, dtype=torch.float64)

    def fit(self, part: Split) -> Unigram:
        """Count the tokens that are to be told."""
        for batch in batches(part):
            self.counts += torch.bincount(batch.targets[batch.targets != IGNORED], minlength=len(self.counts))
        return self

    def outputs(self, batch: Batch) -> Tensor:
        """Logarithms of the probabilities ``(N, steps, V)``."""
        told = ((self.counts + 1) / (self.counts + 1).sum()).log().float()
        return told.expand(*batch.inputs.shape, -1)


class KneserNey:
    """An interpolated n-gram model: ``p(w | h) = (c(h w) - D) / c(h) + D n(h) / c(h) p(w | h')``.

    h are the last `order` - 1 tokens that the network sees too, and h' is h without the first of them; n(h) are the
    tokens that were met behind h. c counts, and for contexts that are shorter than the longest it counts in front of
    how many different tokens h w was met. ``D = n1 / (n1 + 2 n2)`` of each length, n1 and n2 being how many h w have
    the counts 1 and 2; 1/2 where no count is 1. At the end stands 1 / V, so that every token has a probability. What
    is in front of the beginning of an example is a token of its own.

    Args:
        order: n, at least 2.
        vocabulary: V.

    Source: Kneser and Ney 1995, "Improved Backing-off for M-gram Language Modeling"; interpolated as in Chen and
    Goodman 1999, "An Empirical Study of Smoothing Techniques for Language Modeling", section 2.8; D of Ney, Essen and
    Kneser 1994.
    """

    def __init__(self, order: int, vocabulary: int) -> None:
        self.order, self.vocabulary = order, vocabulary

    def fit(self, part: Split) -> KneserNey:
        """Count what stands behind what."""
        found = [self._contexts(batch.inputs) for batch in batches(part)]
        inside = [(batch.targets != IGNORED).numpy() for batch in batches(part)]
        told = [batch.targets.numpy() for batch in batches(part)]
        words = np.concatenate([tokens[kept] for tokens, kept in zip(told, inside, strict=True)])
        number = np.zeros(len(words), np.int64)  # of the context of each word, at first the empty one
        self.known: list[Counts] = []  # contexts of each length: the shorter one, and the token in front of it
        for length in range(self.order - 1):
            fronts = [each[length][kept] for each, kept in zip(found, inside, strict=True)]
            keys = number * (self.vocabulary + 1) + np.concatenate(fronts)
            known, number = np.unique(keys, return_inverse=True)
            self.known.append(known)
        pairs, counts = np.unique(number * self.vocabulary + words, return_counts=True)
        self.levels: list[tuple[csr_array, Counts]] = []
        for length in reversed(range(self.order)):
            context, word = np.divmod(pairs, self.vocabulary)
            self.levels.insert(0, self._discounted(context, word, counts))
            if length:
                shorter = self.known[length - 1][context] // (self.vocabulary + 1)
                pairs, counts = np.unique(shorter * self.vocabulary + word, return_counts=True)
        return self

    def _discounted(self, context: Counts, word: Counts, counts: Counts) -> tuple[csr_array, Counts]:
        """The first summand of all contexts of a length ``(C + 1, V)``, and the factor of p(w | h') ``(C + 1,)``.

        The last row is that of contexts that were never met.
        """
        from scipy.sparse import coo_array

        once, twice = (int((counts == times).sum()) for times in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        contexts = int(context.max()) + 1
        totals, kinds = np.bincount(context, counts), np.bincount(context)
        values = (counts - discount) / totals[context]
        table = coo_array((values, (context, word)), (contexts + 1, self.vocabulary)).tocsr()
        return table, np.append(discount * kinds / totals, 1.0)

    def _contexts(self, inputs: Tensor) -> list[Counts]:
        """The last token in front of each that is told ``(N, steps)``, the last but one, and so on."""
        tokens, found = inputs.cpu().numpy(), []
        for _ in range(self.order - 1):
            found.append(tokens)
            tokens = np.concatenate((np.full_like(tokens[:, :1], self.vocabulary), tokens[:, :-1]), 1)
        return found

    def probabilities(self, inputs: Tensor) -> Counts:
        """Of every entry of the vocabulary behind each token ``(N, steps)``: ``(N, steps, V)``."""
        number = np.zeros(inputs.numel(), np.int64)
        chances = np.full((len(number), self.vocabulary), 1 / self.vocabulary)
        for length, (table, weight) in enumerate(self.levels):
            if length:
                known, front = self.known[length - 1], self._contexts(inputs)[length - 1].ravel()
                keys = number * (self.vocabulary + 1) + front
                place = np.searchsorted(known, keys).clip(max=len(known) - 1)
                number = np.where(known[place] == keys, place, len(known))
            chances *= weight[number][:, None]
            chances += table[number].toarray()
        return chances.reshape(*inputs.shape, -1)

    def outputs(self, batch: Batch) -> Tensor:
        """Logarithms of the probabilities ``(N, steps, V)``."""
        return torch.from_numpy(self.probabilities(batch.inputs)).log().float()
