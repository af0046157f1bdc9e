import math

import pytest
import torch
from torch.nn import functional as F

from runner.loss.nll import NLL
from tests.batches import batch_of


def batch():
    torch.manual_seed(0)
    return 3 * torch.randn(40, 5, dtype=torch.float64), torch.randint(5, (40,))


def form(logits, outputs):
    return {"logits": logits, "log_probabilities": logits.log_softmax(1), "probabilities": logits.softmax(1)}[outputs]


@pytest.mark.parametrize("outputs", ["logits", "log_probabilities", "probabilities"])
def test_all_forms_are_the_negative_log_probability(outputs):
    logits, targets = batch()
    given, loss = form(logits, outputs), NLL(outputs)
    torch.testing.assert_close(loss(given, batch_of(targets)), F.cross_entropy(logits, targets))


def test_torchs():
    logits, targets = batch()
    logs = logits.log_softmax(1)
    assert torch.equal(NLL("log_probabilities")(logs, batch_of(targets)), F.nll_loss(logs, targets))


def test_a_probability_of_zero_counts_as_the_least():
    loss = NLL("probabilities")(torch.tensor([[1.0, 0.0]]), batch_of(torch.tensor([1])))
    assert float(loss) == pytest.approx(12 * math.log(10))
