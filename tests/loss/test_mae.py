import torch

from runner.loss.mae import MAE
from tests.batches import batch_of


def test_formula_and_gradient():
    outputs, targets = torch.randn(7, 2, requires_grad=True), torch.randn(7, 2)
    value = MAE()(outputs, batch_of(targets))
    torch.testing.assert_close(value, (outputs - targets).abs().sum() / 14)
    value.backward()
    torch.testing.assert_close(outputs.grad, (outputs - targets).detach().sign() / 14)
