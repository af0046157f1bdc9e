import pytest
import torch
from torch import nn

from runner.errors import ConfigError
from runner.regularization.l1 import L1, absolute_sum

SHAPES = [(3, 4), (2, 3, 3, 3), (5, 1)]


def test_value_and_gradient():
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in SHAPES]
    tensors[0].data[0] = 0.0
    total = absolute_sum(tensors)
    assert total.shape == ()
    assert total.item() == pytest.approx(sum(float(t.detach().numpy().__abs__().sum()) for t in tensors), rel=1e-12)
    (3.0 * total).backward()
    for t in tensors:
        torch.testing.assert_close(t.grad, 3.0 * t.detach().sign())


def test_gradient_against_differences():
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in SHAPES]
    assert torch.autograd.gradcheck(lambda *ts: absolute_sum(ts), tensors)


def test_weights_only(fit):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    model[2].weight.requires_grad_(False)
    technique = L1(strength=0.25)
    technique.setup(fit(model=model))
    technique.penalty().backward()
    torch.testing.assert_close(model[0].weight.grad, 0.25 * model[0].weight.detach().sign())
    assert all(p.grad is None for name, p in model.named_parameters() if name != "0.weight")
    assert technique.penalty().item() == pytest.approx(0.25 * model[0].weight.abs().sum().item())


def test_drives_useless_weights_to_zero(fit):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 10, generator=generator)
    y = x[:, :1] * 2.0
    model = nn.Linear(10, 1)
    technique = L1(strength=0.1)
    technique.setup(fit(model=model))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(500):
        optimizer.zero_grad()
        (nn.functional.mse_loss(model(x), y) + technique.penalty()).backward()
        optimizer.step()
    weight = model.weight.detach()[0]
    assert weight[1:].abs().max() < 0.02
    assert weight[0].item() == pytest.approx(2.0, abs=0.15)


def test_nothing_to_penalize(fit):
    with pytest.raises(ConfigError, match=r"regularization=l1: the network has no trainable weights"):
        L1().setup(fit(model=nn.BatchNorm1d(3)))
