import torch

from runner.loss.mse import MSE
from tests.batches import batch_of


def test_formula_and_gradient():
    outputs, targets = torch.randn(7, 2, requires_grad=True), torch.randn(7, 2)
    value = MSE()(outputs, batch_of(targets))
    torch.testing.assert_close(value, (outputs - targets).pow(2).sum() / 14)
    value.backward()
    torch.testing.assert_close(outputs.grad, 2 * (outputs - targets).detach() / 14)
