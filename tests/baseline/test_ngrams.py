"""Language models that count: by hand, by their formula in dictionaries, and through the command line."""

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.baseline.ngrams import KneserNey, Unigram
from runner.engine.batch import Batch
from runner.engine.split import SequenceSplit
from runner.engine.split.sequences import ragged
from tests.cli.conftest import say as say


def split(texts):
    """Texts of which the next token is told, of unequal length."""
    values, offsets = ragged([torch.tensor(text[:-1]) for text in texts])
    targets, _ = ragged([torch.tensor(text[1:]) for text in texts])
    return SequenceSplit(values, offsets, targets, offsets)


def by_formula(texts, order, vocabulary):
    """The same model in dictionaries: a function of the tokens in front."""
    counts = [defaultdict(lambda: defaultdict(int)) for _ in range(order)]
    for text in texts:
        lengthened = [vocabulary] * (order - 2) + text
        for place in range(order - 1, len(lengthened)):
            counts[-1][tuple(lengthened[place - order + 1 : place])][lengthened[place]] += 1
    for length in reversed(range(order - 1)):
        for context, words in counts[length + 1].items():
            for word in words:
                counts[length][context[1:]][word] += 1
    discounts = []
    for of_length in counts:
        all_counts = [count for words in of_length.values() for count in words.values()]
        once, twice = all_counts.count(1), all_counts.count(2)
        discounts.append(once / (once + 2 * twice) if once else 0.5)

    def chances(front):
        front = ([vocabulary] * order + front)[-(order - 1) :]
        p = [1 / vocabulary] * vocabulary
        for length in range(order):
            words = counts[length].get(tuple(front[len(front) - length :]))
            if words is None:
                continue
            total, d = sum(words.values()), discounts[length]
            p = [(max(words.get(word, 0) - d, 0) + d * len(words) * p[word]) / total for word in range(vocabulary)]
        return p

    return chances


TEXTS = st.lists(st.lists(st.integers(0, 6), min_size=2, max_size=12), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 6), min_size=1, max_size=9), st.integers(2, 5))
def test_kneser_ney_is_its_formula_and_sums_to_one(texts, read, order):
    model = KneserNey(order, 7).fit(split(texts))
    found = model.probabilities(torch.tensor([read]))[0]
    np.testing.assert_allclose(found.sum(-1), 1)
    assert (found > 0).all()
    expected = by_formula(texts, order, 7)
    np.testing.assert_allclose(found, [expected(read[: i + 1]) for i in range(len(read))], atol=1e-12)
    outputs = model.outputs(Batch(torch.tensor([read]), torch.tensor([read])))
    torch.testing.assert_close(outputs[0].double().exp(), torch.from_numpy(found), rtol=1e-5, atol=1e-7)


def test_a_bigram_by_hand():
    """Of a b a b a c (0 1 0 1 0 2): ab 2, ba 2, ac 1, so D = 1 / (1 + 2 * 2) = 1/5; in front of a, b, c one kind each.

    So of single tokens D = 3 / 3 = 1 and all that is left is 1/V = 1/4.
    """
    model = KneserNey(2, 4).fit(split([[0, 1, 0, 1, 0, 2]]))
    behind_a, behind_c = model.probabilities(torch.tensor([[0, 2]]))[0]
    np.testing.assert_allclose(behind_c, [1 / 4] * 4)  # never seen in front
    left = 1 / 5 * 2 / 3  # of D for each of two kinds behind a, of three counts
    np.testing.assert_allclose(behind_a, [left / 4, (2 - 0.2) / 3 + left / 4, (1 - 0.2) / 3 + left / 4, left / 4])


def test_a_unigram_by_hand():
    outputs = Unigram(4).fit(split([[3, 1, 1], [3, 2]])).outputs(Batch(torch.tensor([[0, 3]]), torch.tensor([[0, 3]])))
    assert outputs.shape == (1, 2, 4)
    torch.testing.assert_close(outputs.exp(), torch.tensor([1, 3, 2, 1]).div(7).expand(1, 2, 4))


def test_a_network_beside_n_grams(say, go):
    text = " ".join(f"{a} plus {b} is {a + b}." for a in range(9) for b in range(9))
    Path("all.txt").write_text("\n".join(f"{line} {text}" for line in range(12)))
    data = ("data=text_lines", "data.path=all.txt", "data.tokenizer=characters", "data.length=40")
    go(*data, "model=gru", "model.hidden=4", "trainer.max_steps=2", "trainer.images=0")
    answer = say("baseline", "run")
    assert answer.code == 0, answer.err
    told = json.loads(Path("outputs/baselines/run/baselines.json").read_text())
    scores = {name: each[0] for name, each in told["scores"]["test"].items()}
    bits = {name: each["bits_per_token"] for name, each in scores.items()}
    assert list(scores) == ["run", "unigram", "kneser_ney_2", "kneser_ney_3", "kneser_ney_5"]
    assert bits["kneser_ney_5"] < bits["kneser_ney_2"] < bits["unigram"] < bits["run"]
    assert "the run LOSES TO unigram: bits_per_token" in answer.out
    low, high = (told["differences"]["unigram"][end] for end in ("low", "high"))
    estimate = bits["run"] - bits["unigram"]
    assert told["differences"]["unigram"]["estimate"] == pytest.approx(estimate, rel=1e-4)
    assert 0 < low < estimate < high
    of_three = scores["kneser_ney_3"]
    assert of_three["loss"] == pytest.approx(of_three["bits_per_token"] * math.log(2), rel=1e-5)
    assert of_three["bits_per_byte"] > 0
