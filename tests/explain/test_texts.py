"""Tokens: attributions are captum's, sum to what they should, and pages hold nothing of a text but its letters."""

import re

import pytest
import torch
from captum import attr

from runner.data.text.vocabulary.plain import PlainVocabulary
from runner.engine.spec import UNKNOWN
from runner.explain import method_named
from runner.explain.report.files import Asked, explain
from runner.explain.subject.explained import Explained

TEXT = "def <script>alert(1)</script> \x1b[31m : message . encode ( 'ascii' )\n"


def asked(texts, tmp_path, *methods):
    (tmp_path / "new.txt").write_text(TEXT)
    return explain(texts, tmp_path / "out", [str(tmp_path / "new.txt")], Asked(methods))


def test_they_are_captums(texts):
    explained = Explained(texts)
    batch = texts.transform.batch([TEXT])
    case = explained.case(batch, "text")
    shares, base = method_named("token_attribution")(explained, None, None).shares(case)
    unknown = torch.full_like(batch.inputs, UNKNOWN)
    by_hand, delta = attr.LayerIntegratedGradients(texts.model, texts.model.embedding).attribute(
        batch.inputs,
        unknown,
        case.target,
        (batch.more["lengths"],),
        n_steps=128,
        return_convergence_delta=True,
    )
    assert torch.allclose(shares, by_hand[0].sum(-1), atol=1e-5)
    assert float(shares.sum()) - (case.value - base) == pytest.approx(float(delta), abs=1e-4)


def test_shares_of_tokens_sum_to_the_difference_from_unknown_tokens(texts, tmp_path):
    (row,) = asked(texts, tmp_path, "shap")["shap"].facts["examples"]
    assert abs(row["value"] - row["base_value"]) > 1e-3
    assert sum(row["values"]) == pytest.approx(row["value"] - row["base_value"], abs=1e-4)


def test_what_a_text_holds_is_escaped(texts, tmp_path):
    words = ["<script>alert(1)</script>", "\x1b[31mred", '"><img src=x>']
    texts.transform.entries = PlainVocabulary("words", (*texts.transform.vocabulary[: -len(words)], *words))
    texts.transform.entries.split = lambda text: [*words, "def", "self"]
    found = asked(texts, tmp_path, "token_attribution")["token_attribution"]
    page, plain = found.files[".html"].decode(), found.files[".txt"].decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "\x1b" not in page + plain
    assert not re.search(r"<[^>]*(?:src|href)|url\(|@import", page)  # nothing is fetched
