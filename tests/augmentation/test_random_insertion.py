from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.augmentation.random_insertion import RandomInsertion
from runner.engine.spec import END
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


@settings(max_examples=40)
@given(BATCHES, st.sampled_from([0.2, 1.0]), st.integers(0, 3))
def test_no_text_gets_longer_than_the_longest_of_training(texts, alpha, more):
    """It is the beginning of what it would be, with the token that ended it."""
    free, bound = RandomInsertion(alpha), RandomInsertion(alpha)
    bound.longest = max(map(len, texts)) + more
    made = []
    for technique in (free, bound):
        torch.manual_seed(0)
        made.append(texts_of(technique.on_batch(batch_of_texts(texts))))
    for before, whole, found in zip(texts, *made, strict=True):
        kept = whole[: bound.longest]
        assert found == ([*kept[:-1], END] if before[-1] == END else kept)


@pytest.mark.parametrize("enclosed", [True, False])
def test_a_network_that_reads_no_longer_texts_is_trained(go, tmp_path, enclosed):
    rows = [f"{' '.join(map(str, range(i, i + 5 + i % 8)))},{'xy'[i % 2]}" for i in range(60)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]))
    small = ("model=encoder", "model.hidden=8", "model.layers=1", "model.heads=1", "trainer.max_epochs=1")
    learned = ("model.positions=learned", "model.context=10", "data.longest=10", f"data.enclosed={enclosed}")
    data = ("data=text_csv", "data.path=texts.csv")
    inserted = ("augmentation=[random_insertion]", "augmentation.random_insertion.alpha=1")
    assert go(*data, *small, *learned, *inserted)["status"] == "completed"
