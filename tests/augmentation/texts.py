"""Texts as tokens, as a batch has them, and what is made of them."""

from __future__ import annotations

from collections import Counter

import torch
from hypothesis import strategies as st
from scipy.stats import chisquare

from runner.engine.batch import Batch
from runner.engine.spec import END, PADDING, SPECIAL, START, UNKNOWN

FIRST = len(SPECIAL)
WORDS = st.lists(st.sampled_from([UNKNOWN, *range(FIRST, FIRST + 6)]), max_size=12)
ENCLOSED = st.builds(lambda text, enclosed: [START, *text, END] if enclosed else text or [START], WORDS, st.booleans())
BATCHES = st.lists(ENCLOSED, min_size=1, max_size=6)


def batch_of_texts(texts: list[list[int]]) -> Batch:
    """The texts, padded at their ends, with a class each."""
    longest = max(map(len, texts))
    tokens = torch.tensor([text + [PADDING] * (longest - len(text)) for text in texts])
    lengths = torch.tensor([len(text) for text in texts])
    return Batch(tokens, torch.arange(len(texts)), {"lengths": lengths, "groups": lengths})


def texts_of(batch: Batch) -> list[list[int]]:
    """The texts of a batch, each as long as is said beside."""
    rows = zip(batch.inputs.tolist(), batch.more["lengths"].tolist(), strict=True)
    return [row[:length] for row, length in rows]


def words(text: list[int]) -> list[int]:
    """The tokens of a text that are none of start, end and padding."""
    return [token for token in text if token not in (PADDING, START, END)]


def comes_as(found: list[list[int]], expected: dict[tuple[int, ...], float]) -> float:
    """The p-value of texts under their probabilities; 0 where there is one that can't be."""
    counts = Counter(map(tuple, found))
    if set(counts) - set(expected):
        return 0.0
    return float(chisquare([counts[text] for text in expected], [len(found) * p for p in expected.values()]).pvalue)
