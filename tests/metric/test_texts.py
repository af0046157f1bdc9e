"""BLEU and chrF against sacrebleu on whole corpora, however they are divided; and that they are of free answers."""

import random

import pytest
import torch
from sacrebleu.metrics import BLEU, CHRF

from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.spec import END, IGNORED, SPECIAL, UNKNOWN, Field, Spec
from runner.errors import ConfigError
from runner.metric.bleu import Bleu
from runner.metric.chrf import ChrF
from runner.metric.exact_match import ExactMatch
from runner.metric.statistic.texts import _ended
from runner.run import evaluate_run
from runner.task.sequence import Sequence
from tests.trained import with_data

WORDS = (*SPECIAL, "The", "the", "cat", "dog", "Öl", "'ll", "n't", ",", ".", "%", "10", "sat", "runs", "!", "mat", "@")
FIELD = Field("tokens", (None,), len(WORDS), WORDS, between=" ")
SPEC = Spec("sequence", FIELD, FIELD, num_outputs=len(WORDS))
METRICS = {
    "bleu": (Bleu(), BLEU(force=True)),
    "char": (Bleu("char", True), BLEU(tokenize="char", lowercase=True, force=True)),
    "chrf": (ChrF(), CHRF()),
    "chrf++": (ChrF(2), CHRF(word_order=2)),
}


def corpus(seed, size=20):
    """True answers and told ones, which keep most of their tokens."""
    draw = random.Random(seed)
    true = [[draw.randrange(4, len(WORDS)) for _ in range(draw.randint(1, 12))] for _ in range(size)]
    told = [
        [t if draw.random() < 0.7 else draw.randrange(4, len(WORDS)) for t in row if draw.random() < 0.9]
        for row in true
    ]
    return true, told


def rows(sequences, filler):
    """Sequences with their ends, padded."""
    width = max(map(len, sequences)) + 1
    return torch.tensor([[*row, END, *[filler] * (width - len(row) - 1)] for row in sequences])


def one_hot(tokens):
    return torch.nn.functional.one_hot(tokens, len(WORDS)).float()


def measured(metric, true, told, size):
    """In batches, each as long as its longest answer; what is behind an end is any token."""
    meter = Meter(Sequence(SPEC), [metric, ExactMatch()])
    for first in range(0, len(true), size):
        targets = rows(true[first : first + size], IGNORED)
        batch = Batch(targets, targets, {}, len(targets), 1)
        decoded = one_hot(rows(told[first : first + size], 7))
        meter.add([Result(torch.tensor(0.0), one_hot(targets.clamp(min=0)), batch, 1, decoded)])
    return meter.read()


def texts(sequences):
    return [" ".join(WORDS[token] for token in row) for row in sequences]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_are_exactly_what_sacrebleu_says_of_the_whole(name, seed):
    metric, theirs = METRICS[name]
    true, told = corpus(seed)
    expected = theirs.corpus_score(texts(told), [texts(true)]).score
    assert 5 < expected < 95
    for size in (1, 3, 20):
        assert measured(metric, true, told, size)[metric.name] == pytest.approx(expected, rel=1e-12)


def test_empty_answers_and_nothing_in_common():
    for metric in (Bleu(), ChrF()):
        assert measured(metric, [[4, 5], [6]], [[], []], 1)[metric.name] == 0
        assert measured(metric, [[]], [[4]], 1)[metric.name] == 0


def test_nothing_is_earned_by_what_the_vocabulary_has_not():
    same = [[UNKNOWN] * 6]
    assert measured(Bleu(), same, same, 1)["bleu"] == measured(ChrF(), same, same, 1)["chrf"] == 0


def test_true_tokens_in_front_of_each_are_not_looked_at():
    meter = Meter(Sequence(SPEC), [Bleu(), ExactMatch()])
    targets = rows([[4, 5, 6, 7, 8]], IGNORED)
    batch = Batch(targets, targets, {}, 1, 1)
    meter.add([Result(torch.tensor(0.0), one_hot(targets), batch, 1)])
    scores = meter.read()  # as in training
    assert scores["exact_match"] == 1 and "bleu" not in scores


TINY = ("data=digit_sequences", "data.examples=60", "data.longest=4", "model=seq2seq", "model.hidden=8")
SHORT = ("model.embedding=4", "model.longest=6", "metric=[bleu,chrf]", "trainer.max_epochs=2", "trainer.evaluation=off")


def test_a_run_reports_and_monitors_them(go):
    result = go(*TINY, *SHORT, "monitor=val/chrf")
    assert {"bleu", "chrf"} <= result["val"].keys() and {"bleu", "chrf"} <= result["test"].keys()
    assert 0 < result["val"]["chrf"] < 60
    assert evaluate_run("run", "val")["chrf"] == pytest.approx(result["val"]["chrf"])
    network, data = with_data("run")
    split, field = data.parts["val"], data.spec.targets
    batch = split.read(torch.arange(len(split)))
    free, given = (
        [field.text(_ended(row)) for row in outputs.argmax(-1).tolist()]
        for outputs in (network.model(batch.inputs, batch.more["lengths"]), network.model(batch.inputs, **batch.more))
    )
    true = [field.text(row) for row in batch.targets.tolist()]
    assert free != given
    assert result["val"]["chrf"] == pytest.approx(CHRF().corpus_score(free, [true]).score)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("monitor=train/bleu",), "monitor=train/bleu: no such score"),
        (("metric.bleu.tokenize=13b",), r"metric\.bleu\.tokenize=13b"),
        (("metric.chrf.word_order=3",), r"metric\.chrf\.word_order=3"),
        (("data=iris", "model=mlp"), "metric=.*: is for sequence"),
    ],
)
def test_what_can_not_be_is_refused(overrides, message, go):
    with pytest.raises(ConfigError, match=message):
        go(*(("metric=[bleu,chrf]",) if "data=iris" in overrides else (*TINY, *SHORT)), *overrides)
