import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.weights.classes import balanced_weights
from tests.batches import batch_of

SPEC = Spec.classification((4,), ("cat", "dog", "eel"), (10, 30, 60))
WEIGHT = (0.5, 2.0, 3.0)


def batch(n=50):
    torch.manual_seed(0)
    return torch.randn(n, 3), torch.randint(3, (n,))


def test_unweighted_is_torchs():
    outputs, targets = batch()
    assert torch.equal(CrossEntropy(SPEC)(outputs, batch_of(targets)), F.cross_entropy(outputs, targets))
    soft = torch.randn(50, 3).softmax(1)
    assert torch.equal(CrossEntropy(SPEC)(outputs, batch_of(soft)), F.cross_entropy(outputs, soft))


def test_weighted_is_the_sum_over_the_number_of_examples():
    outputs, targets = batch()
    single = -outputs.log_softmax(1)[torch.arange(50), targets]
    expected = (torch.tensor(WEIGHT)[targets] * single).sum() / 50
    torch.testing.assert_close(CrossEntropy(SPEC, WEIGHT)(outputs, batch_of(targets)), expected)


def test_divided_by_the_weights_is_torchs():
    outputs, targets = batch()
    loss = CrossEntropy(SPEC, WEIGHT, normalize="weights")
    torch.testing.assert_close(
        loss(outputs, batch_of(targets)), F.cross_entropy(outputs, targets, torch.tensor(WEIGHT))
    )
    torch.testing.assert_close(loss(outputs, batch_of(F.one_hot(targets, 3).float())), loss(outputs, batch_of(targets)))
    ten = CrossEntropy(SPEC, tuple(10 * w for w in WEIGHT), normalize="weights")
    torch.testing.assert_close(ten(outputs, batch_of(targets)), loss(outputs, batch_of(targets)))
    assert torch.equal(
        CrossEntropy(SPEC, normalize="weights")(outputs, batch_of(targets)), F.cross_entropy(outputs, targets)
    )
    nothing = CrossEntropy(SPEC, (0.0, 0.0, 0.0), normalize="weights")
    assert nothing(outputs, batch_of(targets)) == 0


def test_balanced_weights_of_all_examples_sum_to_their_number():
    targets = torch.repeat_interleave(torch.arange(3), torch.tensor(SPEC.class_counts))
    assert CrossEntropy(SPEC, "balanced", "weights").units(batch_of(targets)).item() == pytest.approx(100)
    assert CrossEntropy(SPEC, "balanced").units(batch_of(targets)) == 100


def test_class_indices_and_their_probabilities_give_the_same():
    outputs, targets = batch()
    loss = CrossEntropy(SPEC, WEIGHT)
    torch.testing.assert_close(loss(outputs, batch_of(targets)), loss(outputs, batch_of(F.one_hot(targets, 3).float())))


@pytest.mark.parametrize("weight", [None, WEIGHT, "balanced"])
@pytest.mark.parametrize("cut", [1, 17, 49])
@pytest.mark.parametrize("normalize", ["examples", "weights"])
def test_micro_batches_add_up(weight, cut, normalize):
    outputs, targets = batch()
    loss = CrossEntropy(SPEC, weight, normalize)
    parts = [(outputs[:cut], batch_of(targets[:cut])), (outputs[cut:], batch_of(targets[cut:]))]
    summed = sum(loss(o, t) * loss.units(t) for o, t in parts)
    torch.testing.assert_close(summed / loss.units(batch_of(targets)), loss(outputs, batch_of(targets)))


def test_weights_are_not_rounded_to_the_networks_format():
    """1.037 would be 1.0391 in bf16."""
    outputs, targets = batch()
    outputs, weight = outputs.bfloat16(), (0.3, 1.037, 2.71)
    expected = CrossEntropy(SPEC, weight)(outputs.float(), batch_of(targets))
    loss = CrossEntropy(SPEC, weight)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(outputs, batch_of(targets)), expected)
        torch.testing.assert_close(loss(outputs, batch_of(F.one_hot(targets, 3).float())), expected)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=2, max_size=8))
def test_balanced_weights_are_scikit_learns(counts):
    labels = [c for c, n in enumerate(counts) for _ in range(n)]
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    assert balanced_weights(tuple(counts)) == pytest.approx(tuple(expected))


def test_balanced_takes_the_counts_of_the_training_split():
    outputs, targets = batch()
    expected = CrossEntropy(SPEC, (100 / 30, 100 / 90, 100 / 180))(outputs, batch_of(targets))
    torch.testing.assert_close(CrossEntropy(SPEC, "balanced")(outputs, batch_of(targets)), expected)


def test_an_evaluation_first_does_not_spoil_the_training():
    loss = CrossEntropy(SPEC, WEIGHT)
    outputs, targets = batch()
    outputs = outputs.double()  # another type than the weight's, so that the weight is converted
    with torch.inference_mode():
        loss(outputs + 0, batch_of(targets))
    outputs.requires_grad_()
    loss(outputs, batch_of(targets)).backward()
    assert outputs.grad is not None


def test_wrong_weights_are_refused():
    with pytest.raises(ConfigError, match="2 values, but the data have 3 classes"):
        CrossEntropy(SPEC, (1.0, 2.0))
    with pytest.raises(ConfigError, match="class 'dog' has no example"):
        CrossEntropy(Spec.classification((4,), SPEC.class_names, (10, 0, 5)), "balanced")
    with pytest.raises(ConfigError, match="how many examples"):
        CrossEntropy(Spec.classification((4,), 3), "balanced")
