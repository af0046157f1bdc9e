"""Mean of the vectors of a text's words and n-grams, told by one dense layer."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.model.base import Network
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.recurrent import Units

PRIME = 116_049_371  # by which fastText hashes n-grams


class BagOfWords(Network):
    """A vector for each token and each n-gram of a text, their mean, and a dense layer.

    N-grams have no vocabulary: those of the same hash share a vector. The hash is a function of the tokens' numbers
    alone, the same in every process and on every device, of training and test. Texts may be padded at their ends, when
    their `lengths` are given: padding changes nothing, nor is there an n-gram that reaches into it.

    Vectors are drawn from the uniform distribution on ±1/`embedding`, as fastText's: those of rare words, which
    training hardly moves, must not drown the others.

    Args:
        spec: facts about the data: tokens.
        embedding: numbers that stand for a token or an n-gram.
        ngrams: the longest n-gram, in tokens; 1: tokens alone, whose order tells nothing.
        buckets: different n-grams at most, with ``ngrams`` above 1.
        dropout: probability of dropping a number of the mean, in [0, 1).

    Source: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification".
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel", "regression")
    lengths: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        embedding: Units = 128,
        ngrams: Annotated[int, Ge(1)] = 1,
        buckets: Annotated[int, Ge(1)] = 200_000,
        dropout: DropoutRate = 0.0,
    ) -> None:
        super().__init__()
        assert spec.inputs is not None and spec.inputs.size is not None
        self.ngrams, self.buckets = ngrams, buckets
        self.embedding = nn.Embedding(spec.inputs.size, embedding)
        self.ngram_embedding = nn.Embedding(buckets, embedding) if ngrams > 1 else None
        for vectors in filter(None, (self.embedding, self.ngram_embedding)):
            nn.init.uniform_(vectors.weight, -1 / embedding, 1 / embedding)
        self.dropout = dropout_layer(dropout)
        self.output = nn.Linear(embedding, spec.num_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(N, T)`` to ``(N, num_outputs)``.

        Args:
            x: the texts, padded at their ends where they are of unequal length.
            lengths: tokens of each ``(N,)``, at least 1; None: all.
        """
        if lengths is None:
            lengths = torch.full_like(x[:, 0], x.shape[1])
        total, number = _sum(self.embedding(x), lengths), lengths
        if self.ngram_embedding is not None:
            for n in range(2, min(self.ngrams, x.shape[1]) + 1):
                there = (lengths - n + 1).clamp(min=0)
                total = total + _sum(self.ngram_embedding(hashed(x, n, self.buckets)), there)
                number = number + there
        return self.output(self.dropout(total / number[:, None]))  # type: ignore[no-any-return]


def hashed(x: Tensor, n: int, buckets: int) -> Tensor:
    """The bucket of each n-gram of texts ``(N, T)``: int64 ``(N, T - n + 1)``.

    ``(x₁ pⁿ⁻¹ + x₂ pⁿ⁻² + ... + xₙ) mod buckets``, exactly, for up to 7 · 10¹⁰ buckets.
    """
    steps = x.shape[1] - n + 1
    found = x[:, :steps]
    for i in range(1, n):
        found = (found * PRIME + x[:, i : i + steps]) % buckets
    return found


def _sum(vectors: Tensor, lengths: Tensor) -> Tensor:
    """The sum over the first steps of ``(N, T, E)``, as many as `lengths` ``(N,)`` says: ``(N, E)``.

    As a product of matrices: a third of the time of a masked sum, and nearly that of ``nn.EmbeddingBag``, which could
    not be explained by its tokens.
    """
    inside = torch.arange(vectors.shape[1], device=vectors.device) < lengths[:, None]
    return torch.bmm(inside[:, None].to(vectors.dtype), vectors)[:, 0]
