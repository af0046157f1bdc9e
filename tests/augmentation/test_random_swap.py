import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.augmentation.random_swap import RandomSwap
from tests.augmentation.texts import BATCHES, batch_of_texts, comes_as, texts_of, words


def swapped(text, *pairs):
    text = list(text)
    for a, b in pairs:
        text[a], text[b] = text[b], text[a]
    return tuple(text)


def test_every_pair_changes_places_as_often_as_any_other():
    torch.manual_seed(0)
    pairs = list(itertools.combinations(range(4), 2))
    found = texts_of(RandomSwap(0.1).on_batch(batch_of_texts([[5, 6, 7, 8]] * 12_000)))
    assert comes_as(found, {swapped((5, 6, 7, 8), pair): 1 / 6 for pair in pairs}) > 0.01


def test_two_pairs_at_once_are_disjoint_and_drawn_alike():
    torch.manual_seed(0)
    pairs = list(itertools.combinations(range(5), 2))
    both = {frozenset((a, b)) for a in pairs for b in pairs if not set(a) & set(b)}
    found = texts_of(RandomSwap(0.5).on_batch(batch_of_texts([[5, 6, 7, 8, 9]] * 15_000)))
    assert len(both) == 15
    assert comes_as(found, {swapped((5, 6, 7, 8, 9), *two): 1 / 15 for two in both}) > 0.01


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.5])
def test_so_many_tokens_move_as_the_formula_says(alpha):
    for length in (1, 2, 3, 7, 9, 10, 30):
        text = list(range(10, 10 + length))
        (after,) = texts_of(RandomSwap(alpha).on_batch(batch_of_texts([text])))
        moved = sum(a != b for a, b in zip(text, after, strict=True))
        assert moved == 2 * min(max(1, int(alpha * length)), length // 2)


@settings(max_examples=40)
@given(BATCHES, st.sampled_from([0.01, 0.2, 0.5]))
def test_the_same_tokens_are_there_as_often(texts, alpha):
    found = texts_of(RandomSwap(alpha).on_batch(batch_of_texts(texts)))
    for before, after in zip(texts, found, strict=True):
        assert sorted(after) == sorted(before)
        if len(words(before)) < 2:
            assert after == before
