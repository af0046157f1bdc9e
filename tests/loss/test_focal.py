import pytest
import torch
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.focal import Focal
from tests.batches import batch_of

SPEC = Spec.classification((4,), 3, (10, 30, 60))


def batch(n=50):
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(n, 3, dtype=torch.float64, generator=generator), torch.randint(3, (n,), generator=generator)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("weight", [None, (0.5, 2.0, 3.0)])
def test_formula(gamma, weight):
    outputs, targets = batch()
    p = outputs.exp() / outputs.exp().sum(1, keepdim=True)
    right = p[torch.arange(50), targets]
    w = torch.ones(3, dtype=torch.float64) if weight is None else torch.tensor(weight, dtype=torch.float64)
    expected = (-w[targets] * (1 - right) ** gamma * right.log()).mean()
    torch.testing.assert_close(Focal(SPEC, gamma, weight)(outputs, batch_of(targets)), expected)


def test_two_classes_are_torchvisions_sigmoid_form():
    """The source's formula for one logit: that of two classes whose logits differ by it."""
    ops = pytest.importorskip("torchvision.ops")
    generator = torch.Generator().manual_seed(1)
    logit, targets = torch.randn(40, generator=generator), torch.randint(2, (40,), generator=generator)
    spec = Spec.classification((4,), 2)
    outputs = torch.stack([torch.zeros(40), logit], 1)
    expected = ops.sigmoid_focal_loss(logit, targets.float(), alpha=0.25, gamma=2.0, reduction="mean")
    torch.testing.assert_close(Focal(spec, 2.0, (0.75, 0.25))(outputs, batch_of(targets)), expected)


@pytest.mark.parametrize("normalize", ["examples", "weights"])
@pytest.mark.parametrize("weight", [None, "balanced"])
def test_gamma_zero_is_cross_entropy(weight, normalize):
    outputs, targets = batch()
    soft = torch.randn(50, 3, dtype=torch.float64).softmax(1)
    for aim in (targets, soft):
        expected = CrossEntropy(SPEC, weight, normalize)(outputs, batch_of(aim))
        torch.testing.assert_close(Focal(SPEC, 0.0, weight, normalize)(outputs, batch_of(aim)), expected)


def test_class_indices_and_their_probabilities_give_the_same():
    outputs, targets = batch()
    loss = Focal(SPEC)
    soft = batch_of(F.one_hot(targets, 3).double())
    torch.testing.assert_close(loss(outputs, batch_of(targets)), loss(outputs, soft))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_gradients_are_right_and_finite_where_an_example_is_certain(gamma):
    outputs, targets = batch(6)
    assert torch.autograd.gradcheck(lambda z: Focal(SPEC, gamma)(z, batch_of(targets)), outputs.requires_grad_())
    certain = torch.tensor([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0]], requires_grad=True)
    value = Focal(SPEC, gamma)(certain, batch_of(torch.tensor([0, 0])))
    value.backward()
    assert value.isfinite()
    assert certain.grad.isfinite().all()


def test_half_precision_is_computed_in_single():
    outputs, targets = batch()
    value = Focal(SPEC)(outputs.bfloat16(), batch_of(targets))
    torch.testing.assert_close(value, Focal(SPEC)(outputs.bfloat16().float(), batch_of(targets)))
