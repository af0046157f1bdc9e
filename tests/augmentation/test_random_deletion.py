import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.augmentation.random_deletion import RandomDeletion
from tests.augmentation.texts import BATCHES, batch_of_texts, comes_as, texts_of, words


def in_order(part, whole):
    rest = iter(whole)
    return all(token in rest for token in part)


def test_each_token_is_left_out_by_itself_as_the_formula_says():
    """All subsets of three tokens come with p^(left out) (1 - p)^(kept); what would be empty is any one of them."""
    torch.manual_seed(0)
    p, text = 0.3, (5, 6, 7)
    subsets = {tuple(t for i, t in enumerate(text) if number >> i & 1) for number in range(8)} - {()}
    expected = {kept: p ** (3 - len(kept)) * (1 - p) ** len(kept) + (len(kept) == 1) * p**3 / 3 for kept in subsets}
    found = texts_of(RandomDeletion(p).on_batch(batch_of_texts([list(text)] * 20_000)))
    assert comes_as(found, expected) > 0.01


@settings(max_examples=40)
@given(BATCHES, st.sampled_from([0.0, 0.3, 0.9, 1.0]))
def test_order_stays_and_no_text_becomes_empty(texts, p):
    found = texts_of(RandomDeletion(p).on_batch(batch_of_texts(texts)))
    for before, after in zip(texts, found, strict=True):
        assert in_order(after, before)
        assert bool(words(after)) == bool(words(before))
        if p in (0.0, 1.0):
            assert len(words(after)) == (len(words(before)) if p == 0 else min(1, len(words(before))))
