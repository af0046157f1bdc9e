"""The most frequent tag of each word: by hand, and the scores by sklearn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from runner.baseline.steps import models, scored
from runner.baseline.tags import TagOfWord
from runner.data.parts.split import Parts
from runner.data.text.tagged import tagged
from runner.data.text.tokenizer import Tokenizer
from runner.engine.spec import IGNORED
from runner.loss.cross_entropy import CrossEntropy
from runner.metric.token_accuracy import TokenAccuracy
from runner.task.tagging import Tagging

SENTENCES = ["the dog runs", "a dog runs", "the run ends", "they run", "they run home", "the whale runs", "dogs run"]
TAGS = ["DNV", "DNV", "DNV", "PV", "PVN", "DNV", "NV"]
NAMES = "DNPV"


def data():
    parts = Parts(np.arange(5), np.array([5]), np.array([5, 6]))
    return tagged(
        Tokenizer("spaced", 20, 9),
        [text.split() for text in SENTENCES],
        [[NAMES.index(tag) for tag in tags] for tags in TAGS],
        parts,
        class_names=NAMES,
        fingerprint="",
    )


def test_each_word_has_its_most_frequent_tag_and_others_the_most_frequent_of_all():
    made = data()
    batch = made.test.read(torch.arange(2))
    model = TagOfWord(made.spec.inputs.size, 4).fit(made.train)
    told = model.outputs(batch)
    torch.testing.assert_close(told.exp().sum(-1), torch.ones(2, 3))
    inside = batch.targets != IGNORED
    named = ["".join(NAMES[tag] for tag in row[kept]) for row, kept in zip(told.argmax(-1), inside, strict=True)]
    assert named == ["DVV", "VV"]  # whale and dogs are unknown, and most words are verbs; run was V twice, N once
    prior = torch.tensor([3 + 1, 4 + 1, 2 + 1, 5 + 1]) / (14 + 4)  # D N P V
    run = (torch.tensor([0, 1, 0, 2]) + prior) / (3 + 1)
    torch.testing.assert_close(told[1, 1].exp(), run)


@pytest.mark.parametrize("name", ["constant", "most_frequent_tag"])
def test_scores_are_those_of_sklearn(name):
    made = data()
    task = Tagging(made.spec)
    model = models(made.spec)[name]().fit(made.train)
    scores, sums = scored(model.outputs, made.test, task, CrossEntropy(made.spec), [TokenAccuracy()])
    batch = made.test.read(torch.arange(2))
    inside = batch.targets != IGNORED
    chances, true = model.outputs(batch)[inside].double().softmax(-1), batch.targets[inside]
    assert scores["token_accuracy"] == pytest.approx(accuracy_score(true, chances.argmax(-1)))
    assert scores["loss"] == pytest.approx(log_loss(true, chances, labels=range(4)), rel=1e-5)
    assert sums.sum(0).tolist() == [accuracy_score(true, chances.argmax(-1), normalize=False), 5]
