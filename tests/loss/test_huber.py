import pytest
import torch

from runner.loss.huber import Huber
from tests.batches import batch_of


@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
def test_formula_and_gradient(delta):
    outputs, targets = (3 * torch.randn(50, 2)).requires_grad_(), torch.randn(50, 2)
    error = (outputs - targets).detach()
    expected = torch.where(error.abs() <= delta, error**2 / 2, delta * (error.abs() - delta / 2)).mean()
    value = Huber(delta)(outputs, batch_of(targets))
    torch.testing.assert_close(value, expected)
    value.backward()
    torch.testing.assert_close(outputs.grad, error.clamp(-delta, delta) / 100)
