"""What is made of logits before a token is drawn: against the formulas, and the transformers library."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from runner.errors import ConfigError
from runner.generate.sampling import Sampling, draw, most_probable, nucleus, penalized

LOGITS = some.lists(some.floats(-8, 8), min_size=1, max_size=12).map(lambda row: torch.tensor(row, dtype=torch.float64))


@given(LOGITS, some.floats(0.05, 5))
def test_temperature(logits, temperature):
    weights = [math.exp((logit - logits.max().item()) / temperature) for logit in logits.tolist()]
    expected = torch.tensor([weight / sum(weights) for weight in weights], dtype=torch.float64)
    torch.testing.assert_close(Sampling(temperature=temperature).probabilities(logits, ()), expected)


@given(LOGITS, some.integers(1, 15))
def test_top_k(logits, k):
    kept = most_probable(logits, k).isfinite()
    assert kept.sum() == min(k, len(logits))
    assert kept.all() or logits[kept].min() >= logits[~kept].max()


@given(LOGITS, some.floats(0.01, 1))
def test_top_p_is_the_smallest_such_set(logits, p):
    chances = logits.softmax(-1)
    kept = nucleus(logits, p).isfinite()
    assert kept.all() or chances[kept].min() >= chances[~kept].max()
    assert chances[kept].sum() >= p - 1e-9
    assert chances[kept].sum() - chances[kept].min() < p + 1e-9


@given(LOGITS, some.floats(1, 3))
def test_repetition_penalty(logits, penalty):
    changed = penalized(logits, [0], penalty)
    first = logits[0].item()
    assert changed[0].item() == pytest.approx(first / penalty if first > 0 else first * penalty)
    assert torch.equal(changed[1:], logits[1:])


def test_zero_is_the_most_probable_token():
    chances = Sampling(temperature=0).probabilities(torch.tensor([1.0, 3.0, 2.0]), ())
    assert chances.tolist() == [0, 1, 0]
    assert Sampling(temperature=0).probabilities(torch.tensor([1.0, 3.0, 2.0]), (), never=[1]).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=1e-310), Sampling(repetition_penalty=1e308), Sampling(1e308, 1e-310, 3, 0.5)]
)
def test_something_is_drawn_with_extreme_values(sampling):
    logits = torch.tensor([9.0, 9.0, -50.0, -60.0, -70.0])
    chances = sampling.probabilities(logits, told=[2, 3, 4], never=[0, 1])
    assert chances.sum() == 1
    assert chances[:2].tolist() == [0, 0]
    if sampling.temperature < 1 and sampling.repetition_penalty == 1:
        assert chances.tolist() == [0, 0, 1, 0, 0]


def test_top_p_is_of_what_top_k_leaves_and_both_of_what_may_be_told():
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    assert Sampling(top_k=2, top_p=0.55).probabilities(logits, ()).tolist() == [1, 0, 0, 0]  # 4/7 reach it
    assert Sampling(top_k=2, top_p=0.6).probabilities(logits, ()).tolist() == pytest.approx([4 / 7, 3 / 7, 0, 0])
    assert Sampling(top_k=2).probabilities(logits, (), [0]).tolist() == pytest.approx([0, 0.6, 0.4, 0])


@pytest.mark.slow
def test_all_is_what_transformers_makes():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    logits, told = 3 * torch.randn(1, 50, dtype=torch.float64), torch.tensor([[3, 7, 7, 9]])
    expected = logits
    for step in (
        transformers.RepetitionPenaltyLogitsProcessor(1.3),
        transformers.TemperatureLogitsWarper(0.7),
        transformers.TopKLogitsWarper(20),
        transformers.TopPLogitsWarper(0.8),
    ):
        expected = step(told, expected)
    ours = Sampling(1.3, 0.7, 20, 0.8).probabilities(logits[0], set(told[0].tolist()))
    torch.testing.assert_close(ours, expected[0].softmax(-1))


def test_tokens_are_drawn_as_often_as_they_are_probable():
    generator = torch.Generator().manual_seed(0)
    chances = torch.tensor([0.0, 0.5, 0.0, 0.2, 0.3, 0.0], dtype=torch.float64)
    found = Counter(draw(chances, generator) for _ in range(4000))
    assert set(found) == {1, 3, 4}
    for token, times in found.items():
        chance = chances[token].item()
        assert abs(times - 4000 * chance) < 4 * math.sqrt(4000 * chance * (1 - chance))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1.0}, "--temperature -1.0: expected a number of at least 0"),
        ({"temperature": math.nan}, "--temperature nan"),
        ({"top_p": 0.0}, "--top-p 0.0: expected a number above 0 and at most 1"),
        ({"top_k": 0}, "--top-k 0"),
        ({"repetition_penalty": 0.5}, "--repetition-penalty 0.5: expected a number of at least 1"),
    ],
)
def test_values_out_of_range(settings, message):
    with pytest.raises(ConfigError, match=message):
        Sampling(**settings)
