import pytest
import torch
from torch import nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.loss.binary_cross_entropy import BinaryCrossEntropy
from runner.loss.cross_entropy import CrossEntropy
from tests.batches import batch_of

TWO = Spec.classification((4,), 2)
FIVE = Spec.classification((4,), 5)


def test_two_classes_need_one_logit():
    assert BinaryCrossEntropy.num_outputs(TWO) == 1
    assert BinaryCrossEntropy.num_outputs(FIVE) == 5
    # The network's width is asked for again once the spec tells it.
    assert BinaryCrossEntropy.num_outputs(TWO.with_outputs(1)) == 1


def test_two_classes_follow_the_formula():
    z, y = torch.randn(40, 1), torch.randint(2, (40,))
    p = 1 / (1 + torch.exp(-z[:, 0]))
    expected = -torch.where(y == 1, p.log(), (1 - p).log()).mean()
    torch.testing.assert_close(BinaryCrossEntropy(TWO)(z, batch_of(y)), expected)
    weighted = -torch.where(y == 1, 3 * p.log(), (1 - p).log()).mean()
    torch.testing.assert_close(BinaryCrossEntropy(TWO, pos_weight=3.0)(z, batch_of(y)), weighted)


def test_two_classes_are_cross_entropy_of_the_logit_and_zero():
    z, y = torch.randn(40, 1), torch.randint(2, (40,))
    both = torch.cat((torch.zeros_like(z), z), 1)
    soft = torch.rand(40, 1)
    soft = torch.cat((1 - soft, soft), 1)
    for targets in (y, soft):
        expected = CrossEntropy(TWO)(both, batch_of(targets))
        torch.testing.assert_close(BinaryCrossEntropy(TWO)(z, batch_of(targets)), expected)


@pytest.mark.parametrize("pos_weight", [None, 2.0, (1.0, 2.0, 3.0, 4.0, 5.0)])
def test_many_classes_are_one_against_the_rest(pos_weight):
    z, y = torch.randn(40, 5), torch.randint(5, (40,))
    module = nn.BCEWithLogitsLoss(pos_weight=None if pos_weight is None else torch.tensor(pos_weight))
    loss = BinaryCrossEntropy(FIVE, pos_weight)
    torch.testing.assert_close(loss(z, batch_of(y)), module(z, F.one_hot(y, 5).float()))
    soft = torch.randn(40, 5).softmax(1)
    torch.testing.assert_close(loss(z, batch_of(soft)), module(z, soft))


def test_an_evaluation_first_does_not_spoil_the_training():
    loss = BinaryCrossEntropy(TWO, pos_weight=2.0)
    z, y = torch.randn(8, 1, dtype=torch.float64), torch.randint(2, (8,))
    with torch.inference_mode():
        loss(z + 0, batch_of(y))
    z.requires_grad_()
    loss(z, batch_of(y)).backward()
    assert z.grad is not None


def test_targets_and_weights_are_not_rounded_to_the_networks_format():
    torch.manual_seed(0)
    spec = Spec.classification((4,), 3)
    outputs, targets, weight = torch.randn(50, 3).bfloat16(), torch.rand(50, 3), (0.3, 1.037, 2.71)
    expected = BinaryCrossEntropy(spec, weight)(outputs.float(), batch_of(targets))
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(BinaryCrossEntropy(spec, weight)(outputs, batch_of(targets)), expected)


def test_micro_batches_add_up():
    z, y = torch.randn(40, 5), torch.randint(5, (40,))
    loss = BinaryCrossEntropy(FIVE, pos_weight=2.0)
    parts = loss(z[:7], batch_of(y[:7])) * 7 + loss(z[7:], batch_of(y[7:])) * 33
    torch.testing.assert_close(parts / 40, loss(z, batch_of(y)))


def test_a_wrong_number_of_weights_is_refused():
    with pytest.raises(ConfigError, match=r"2 values, but the network has 1 logit for 2 classes\. Give one number\."):
        BinaryCrossEntropy(TWO, (1.0, 2.0))
    with pytest.raises(ConfigError, match="or 5 of them"):
        BinaryCrossEntropy(FIVE, (1.0, 2.0))
