"""What becomes of outputs, whatever the loss takes them for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.loss.binary_cross_entropy import BinaryCrossEntropy
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.nll import NLL
from runner.task.classification import Classification
from tests.batches import batch_of

TWO = Spec.classification((4,), 2)
FIVE = Spec.classification((4,), 5)
FORMS = ["logits", "log_probabilities", "probabilities"]


def form(logits, outputs):
    return {"logits": logits, "log_probabilities": logits.log_softmax(1), "probabilities": logits.softmax(1)}[outputs]


def test_logits_are_those_of_a_softmax():
    outputs = torch.randn(50, 5)
    for task in (Classification(FIVE), Classification(FIVE, CrossEntropy(FIVE).link)):
        torch.testing.assert_close(task.probabilities(outputs), torch.nn.Softmax(1)(outputs))
        assert torch.equal(task.predict(outputs), task.probabilities(outputs).max(1).indices)


@pytest.mark.parametrize("outputs", FORMS)
def test_networks_may_end_in_probabilities_or_their_logarithms(outputs):
    logits = 3 * torch.randn(40, 5, dtype=torch.float64)
    task, given = Classification(FIVE, NLL(outputs).link), form(logits, outputs)
    torch.testing.assert_close(task.probabilities(given), logits.softmax(1))
    assert torch.equal(task.predict(given), logits.argmax(1))


@pytest.mark.parametrize("outputs", FORMS)
def test_an_ensemble_averages_probabilities(outputs):
    members = 3 * torch.randn(4, 40, 5, dtype=torch.float64)
    task = Classification(FIVE, NLL(outputs).link)
    combined = task.combine(torch.stack([form(logits, outputs) for logits in members]))
    torch.testing.assert_close(task.probabilities(combined), members.softmax(2).mean(0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_an_ensemble_is_averaged_in_single_precision(dtype):
    members, task = torch.randn(3, 9, 5).to(dtype), Classification(FIVE)
    assert torch.equal(task.combine(members), task.combine(members.float()))


def test_one_logit_is_that_of_the_second_class():
    z, task = torch.randn(40, 1), Classification(TWO.with_outputs(1), BinaryCrossEntropy(TWO).link)
    both = torch.cat((torch.zeros_like(z), z), 1)
    torch.testing.assert_close(task.probabilities(z), both.softmax(1))
    assert torch.equal(task.predict(z), both.argmax(1))


def test_one_against_the_rest_gives_the_scaled_answers():
    z, task = torch.randn(40, 5), Classification(FIVE, BinaryCrossEntropy(FIVE).link)
    torch.testing.assert_close(task.probabilities(z), z.sigmoid() / z.sigmoid().sum(1, keepdim=True))
    assert torch.equal(task.predict(z), task.probabilities(z).argmax(1))
    hopeless = torch.tensor([[-200.0, -201.0, -300.0, -300.0, -300.0]])
    torch.testing.assert_close(task.probabilities(hopeless)[0, 0], torch.tensor(1.0).sigmoid())


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([(None, 5), ("sigmoid", 5), ("sigmoid", 1)]), st.integers(0, 10**6))
def test_probabilities_sum_to_one_and_the_prediction_has_the_largest(kind, seed):
    link, width = kind
    z = 20 * torch.randn(6, width, generator=torch.Generator().manual_seed(seed))
    task = Classification(TWO if width == 1 else FIVE, link)
    shares = task.probabilities(z)
    torch.testing.assert_close(shares.sum(1), torch.ones(6))
    chosen = shares.gather(1, task.predict(z)[:, None])[:, 0]
    torch.testing.assert_close(chosen, shares.max(1).values)


def test_rows_of_a_file():
    task = Classification(Spec.classification((4,), ("cat", "dog")))
    (row,) = task.rows(torch.tensor([[0.0, 2.0]]))
    assert list(row) == ["prediction", "probability_cat", "probability_dog"]
    assert row["prediction"] == "dog"
    assert row["probability_dog"] == pytest.approx(float(torch.tensor(2.0).sigmoid()))
    (row,) = Classification(TWO).rows(torch.tensor([[3.0, 2.0]]))
    assert row["prediction"] == "0" and "probability_1" in row


def test_outputs_of_another_shape_are_refused():
    task, batch = Classification(FIVE), batch_of(torch.tensor([0, 1]))
    task.check(torch.zeros(2, 5), batch)
    for wrong, said in ((torch.zeros(2, 4), r"\(2, 4\)"), (torch.zeros(2, 5, 1), r"\(2, 5, 1\)"), ((1, 2), "a tuple")):
        given = rf"gives (a tensor of shape )?{said} for 2 examples"
        with pytest.raises(ConfigError, match=rf"{given}.*shape \(2, 5\) for classification"):
            task.check(wrong, batch)


def test_an_ensemble_averages_the_probabilities_of_each_pixel():
    members = 3 * torch.randn(4, 2, 5, 6, 7, dtype=torch.float64)
    combined = Classification(FIVE).combine(members)
    torch.testing.assert_close(combined.softmax(1), members.softmax(2).mean(0))
