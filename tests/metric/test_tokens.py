"""Metrics of tokens against torchmetrics, torch's loss and definitions, with padding and any grouping of batches."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torchmetrics.text import Perplexity as TheirPerplexity

from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.metric import Scored
from runner.engine.spec import IGNORED, Field, Spec
from runner.loss.cross_entropy import CrossEntropy
from runner.metric.bits_per_token import BitsPerToken
from runner.metric.exact_match import ExactMatch
from runner.metric.perplexity import Perplexity
from runner.metric.token_accuracy import TokenAccuracy
from runner.task.sequence import Sequence

V = 5
FIELD = Field("tokens", (None,), V)
SPEC = Spec("sequence", FIELD, FIELD, num_outputs=V)
METRICS = [Perplexity(), BitsPerToken(), TokenAccuracy(), ExactMatch()]


def batches(sizes, seed):
    """Outputs and padded targets; every batch has a length of its own."""
    generator = torch.Generator().manual_seed(seed)
    for size in sizes:
        steps = int(torch.randint(1, 5, (), generator=generator))
        outputs = 2 * torch.randn(size, steps, V, generator=generator)
        targets = torch.randint(V, (size, steps), generator=generator)
        hit = torch.rand(size, steps, generator=generator) < 0.7
        targets = outputs.argmax(-1).where(hit, targets)
        lengths = torch.randint(1, steps + 1, (size, 1), generator=generator)
        yield outputs, targets.masked_fill(torch.arange(steps) >= lengths, IGNORED)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 10_000))
def test_are_what_others_compute(sizes, seed):
    theirs, loss, hits, tokens, right, examples = TheirPerplexity(ignore_index=IGNORED), 0.0, 0, 0, 0, 0
    meter = Meter(Sequence(SPEC), METRICS)
    for outputs, targets in batches(sizes, seed):
        units = int((targets != IGNORED).sum())
        batch = Batch(targets, targets, {}, len(targets), units)
        value = CrossEntropy(SPEC)(outputs, batch)
        meter.add([Result(value, outputs, batch, units)])
        theirs.update(outputs, targets)
        loss += F.cross_entropy(outputs.mT, targets, reduction="sum").item()
        for told, true in zip(outputs.argmax(-1).tolist(), targets.tolist()):
            pairs = [(a, b) for a, b in zip(told, true) if b != IGNORED]
            hits, tokens = hits + sum(a == b for a, b in pairs), tokens + len(pairs)
            right, examples = right + all(a == b for a, b in pairs), examples + 1
    scores = meter.read()
    assert scores["loss"] == pytest.approx(loss / tokens, rel=1e-5)
    assert scores["perplexity"] == pytest.approx(math.exp(loss / tokens), rel=1e-5)
    assert scores["perplexity"] == pytest.approx(theirs.compute().item(), rel=1e-4)
    assert scores["bits_per_token"] == pytest.approx(loss / tokens / math.log(2), rel=1e-5)
    assert scores["token_accuracy"] == pytest.approx(hits / tokens)
    assert scores["exact_match"] == pytest.approx(right / examples)


def test_a_true_token_that_was_taken_for_impossible_keeps_perplexity_a_number():
    statistic = Perplexity.statistic(SPEC)
    zero = torch.tensor([[[1.0, 0.0, 0.0, 0.0, 0.0]]])
    statistic.update(Scored(torch.tensor([[0]]), torch.tensor([[1]]), zero))
    assert BitsPerToken().compute(statistic.total).item() == pytest.approx(38 * math.log2(10), rel=1e-3)


def test_every_token_as_likely_as_any_gives_their_number():
    statistic = Perplexity.statistic(SPEC)
    statistic.update(
        Scored(torch.zeros(2, 3), torch.tensor([[0, 1, 2], [3, 4, IGNORED]]), torch.full((2, 3, V), 1 / V))
    )
    assert Perplexity().compute(statistic.total).item() == pytest.approx(V)


def test_the_loss_of_an_update_is_the_mean_over_its_tokens_however_it_is_divided():
    loss, found = CrossEntropy(SPEC), []
    for outputs, targets in batches((3, 4), 1):
        units = int((targets != IGNORED).sum())
        found.append((loss(outputs, Batch(targets, targets, {}, len(targets), units)) * units, units))
        expected = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
        torch.testing.assert_close(found[-1][0], expected)
