"""Baselines of texts: scikit-learn's on counts of the tokens that the network is given."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from runner.baseline.texts import counts
from runner.data.text_csv import TextCsv
from tests.cli.conftest import say as say

WORDS = ("buy", "now", "cheap", "dear", "friend", "yours", "and", "the", "of", "me")


@pytest.fixture
def table(tmp_path):
    """Two classes that prefer other words, of unequal length; one text is empty."""
    draw = np.random.default_rng(0)
    lines = ["text,label", ",spam"]
    for i in range(160):
        shares = np.ones(10) + (np.arange(10) < 3) * (3 if i % 2 else 0)
        words = draw.choice(WORDS, draw.integers(1, 9), p=shares / shares.sum())
        lines.append(f"{' '.join(words)},{'spam' if i % 2 else 'ham'}")
    (tmp_path / "mails.csv").write_text("\n".join(lines))
    return "mails.csv"


def parts_of(table):
    """The texts and classes of each part, as the tokens spell them."""
    data = TextCsv(path=table).load()
    names, found = data.transform.vocabulary, {}
    for part, split in data.parts.items():
        batch = split.read(torch.arange(len(split)))
        texts = [
            " ".join(names[t] for t in row[:n])
            for row, n in zip(batch.inputs.tolist(), batch.more["lengths"].tolist(), strict=True)
        ]
        found[part] = texts, batch.targets.numpy()
    return data, found


def test_counts_are_those_of_the_tokens_without_padding(say, table):
    data, found = parts_of(table)
    made = counts(data.val, data.spec.inputs.size).toarray()
    for row, text in zip(made, found["val"][0], strict=True):
        assert {data.transform.vocabulary[i]: int(n) for i, n in enumerate(row) if n} == {
            word: text.split().count(word) for word in text.split()
        }


def test_scores_are_those_of_sklearn(say, table):
    answer = say("baseline", "data=text_csv", f"data.path={table}")  # no network is trained, so none is asked for
    assert answer.code == 0, answer.err
    told = json.loads(Path("outputs/baselines/text_csv/baselines.json").read_text())["scores"]
    assert list(told["test"]) == ["constant", "naive_bayes", "linear", "svm"]
    _, found = parts_of(table)
    (texts, classes), (others, true) = found["train"], found["test"]
    weighted = TfidfVectorizer(sublinear_tf=True, tokenizer=str.split, lowercase=False, token_pattern=None)
    by_hand = make_pipeline(weighted, LogisticRegression(max_iter=1000)).fit(texts, classes)
    (scores,) = told["test"]["linear"]
    assert scores["accuracy"] == pytest.approx(accuracy_score(true, by_hand.predict(others)))
    assert scores["loss"] == pytest.approx(log_loss(true, by_hand.predict_proba(others)), rel=1e-3)
    assert scores["accuracy"] > told["test"]["constant"][0]["accuracy"] + 0.1
    data, _ = parts_of(table)
    bayes = MultinomialNB().fit(counts(data.train, data.spec.inputs.size), data.train.targets)
    predicted = bayes.predict(counts(data.test, data.spec.inputs.size))
    assert told["test"]["naive_bayes"][0]["accuracy"] == pytest.approx(accuracy_score(true, predicted))


def test_hidden_tokens_have_no_baseline(say):
    answer = say("baseline", "data=python_source", "data.masked=0.15", "model=encoder")
    assert answer.code == 2 and "these data are for masked" in answer.err
