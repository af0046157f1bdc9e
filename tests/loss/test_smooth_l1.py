import pytest
import torch

from runner.loss.huber import Huber
from runner.loss.mae import MAE
from runner.loss.smooth_l1 import SmoothL1
from tests.batches import batch_of


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0])
def test_formula_and_gradient(beta):
    torch.manual_seed(0)
    outputs, targets = (3 * torch.randn(50, 2)).requires_grad_(), torch.randn(50, 2)
    error = (outputs - targets).detach()
    expected = torch.where(error.abs() < beta, error**2 / (2 * beta), error.abs() - beta / 2).mean()
    value = SmoothL1(beta)(outputs, batch_of(targets))
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(value, Huber(beta)(outputs, batch_of(targets)) / beta)
    value.backward()
    torch.testing.assert_close(outputs.grad, (error / beta).clamp(-1, 1) / 100)


def test_without_a_square_it_is_the_mean_absolute_error():
    outputs, targets = torch.randn(50, 2), torch.randn(50, 2)
    torch.testing.assert_close(SmoothL1(0.0)(outputs, batch_of(targets)), MAE()(outputs, batch_of(targets)))
