import pytest
import torch
from torch.distributions import Bernoulli, Categorical

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.loss.binary_cross_entropy import BinaryCrossEntropy
from runner.regularization.confidence_penalty import ConfidencePenalty, entropy
from runner.task.classification import Classification

SPEC = Spec.classification((5,), 4)


def test_entropy_and_its_gradient_are_torchs():
    torch.manual_seed(0)
    ours = (3 * torch.randn(9, 4, dtype=torch.float64)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    value, expected = entropy(Classification(SPEC), ours), Categorical(logits=theirs).entropy().mean()
    torch.testing.assert_close(value, expected)
    value.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_entropy_of_one_logit_is_that_of_the_coin():
    task = Classification(Spec.classification((5,), 2), BinaryCrossEntropy.link)
    z = torch.linspace(-4, 4, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(entropy(task, z), Bernoulli(logits=z).entropy().mean())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_sure_predictions_have_finite_gradients(dtype):
    outputs = torch.tensor([[200.0, -200.0, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    value = entropy(Classification(SPEC), outputs)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert outputs.grad.isfinite().all()


def test_term(fit):
    technique = ConfidencePenalty(beta=0.5)
    technique.setup(fit(task=Classification(SPEC)))
    assert technique.output_penalty(torch.zeros(3, 4), None).item() == pytest.approx(-0.5 * 1.3862943)


def test_regression_is_refused(go):
    with pytest.raises(ConfigError, match="expected classes"):
        go("data=diabetes", "regularization=[confidence_penalty]")


def test_predictions_are_less_sure_with_it(go):
    plain = go("trainer.max_epochs=8", folder="plain")
    penalized = go(
        "trainer.max_epochs=8", "regularization=[confidence_penalty]", "regularization.confidence_penalty.beta=1"
    )
    assert penalized["train"]["loss"] > 2 * plain["train"]["loss"]
    assert penalized["test"]["accuracy"] > 0.9
