from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.augmentation.random_insertion import RandomInsertion
from tests.augmentation.texts import BATCHES, batch_of_texts, comes_as, texts_of, words


def test_any_token_comes_in_front_of_any_other_as_often():
    """As the published code inserts: at an index drawn from those of the tokens that are there."""
    torch.manual_seed(0)
    text, expected = [5, 6, 7], Counter()
    for index in range(3):
        for token in text:
            expected[(*text[:index], token, *text[index:])] += 1 / 9
    found = texts_of(RandomInsertion(0.1).on_batch(batch_of_texts([text] * 12_000)))
    assert comes_as(found, expected) > 0.01


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.7, 1.0])
def test_texts_get_longer_as_the_formula_says(alpha):
    lengths = range(1, 60)
    batch = RandomInsertion(alpha).on_batch(batch_of_texts([[9] * length for length in lengths]))
    assert batch.more["lengths"].tolist() == [length + max(1, int(alpha * length)) for length in lengths]


@settings(max_examples=40)
@given(BATCHES, st.sampled_from([0.01, 0.2, 1.0]))
def test_what_is_inserted_is_of_the_text_and_the_rest_stays(texts, alpha):
    found = texts_of(RandomInsertion(alpha).on_batch(batch_of_texts(texts)))
    for before, after in zip(texts, found, strict=True):
        rest = iter(after)
        assert all(token in rest for token in before)
        more = Counter(after) - Counter(before)
        assert set(more) <= set(words(before))
        assert sum(more.values()) == (max(1, int(alpha * len(words(before)))) if words(before) else 0)
