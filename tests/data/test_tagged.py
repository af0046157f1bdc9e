"""Sentences of words that were told apart, each with a tag: words and tags stay together whatever is in a word."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.data.parts.split import Parts
from runner.data.text.tagged import tagged
from runner.data.text.tokenizer import Tokenizer

WORDS = st.text(min_size=1, max_size=4).filter(lambda word: not set(word) & set(" \t\n\r\f\v"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(WORDS | st.sampled_from(["10\u00a0000", "\u2003", "a\x1cb\x85"]), min_size=1), min_size=1))
def test_each_word_has_its_own_tag(sentences):
    tags = [[len(word) for word in words] for words in sentences]
    rows = np.arange(len(sentences))
    parts = Parts(rows, rows[:0], rows[:0])
    names = [str(number) for number in range(12)]
    data = tagged(Tokenizer("spaced"), sentences, tags, parts, class_names=names, fingerprint="")
    batch = data.train.read(torch.from_numpy(rows))
    assert batch.more["lengths"].tolist() == [len(words) for words in sentences]
    for told, own, words in zip(batch.inputs.tolist(), batch.targets.tolist(), sentences, strict=True):
        assert own[: len(words)] == [len(word) for word in words]
        # A half of a pair of UTF-16 is read as the sign for what is none, of the same length.
        assert [len(data.transform.vocabulary[token]) for token in told[: len(words)]] == own[: len(words)]
