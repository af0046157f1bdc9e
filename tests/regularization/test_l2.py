import pytest
import torch
from torch import nn

from runner.errors import ConfigError
from runner.regularization.l2 import L2, square_sum

SHAPES = [(3, 4), (2, 3, 3, 3), (5, 1)]


def test_value_and_gradient():
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in SHAPES]
    tensors[0].data[:] = 0.0
    total = square_sum(tensors)
    assert total.shape == ()
    assert total.item() == pytest.approx(sum(float((t.detach().numpy() ** 2).sum()) for t in tensors), rel=1e-12)
    (3.0 * total).backward()
    for t in tensors:
        torch.testing.assert_close(t.grad, 6.0 * t.detach())


def test_gradient_against_differences():
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in SHAPES]
    assert torch.autograd.gradcheck(lambda *ts: square_sum(ts), tensors)


def test_weights_only(fit):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    technique = L2(strength=0.25)
    technique.setup(fit(model=model))
    technique.penalty().backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == {"0.weight", "2.weight"}
    torch.testing.assert_close(model[2].weight.grad, 0.5 * model[2].weight.detach())


def test_is_torchs_weight_decay_at_half_its_number(fit):
    ours, theirs = nn.Linear(4, 3, bias=False).double(), nn.Linear(4, 3, bias=False).double()
    theirs.load_state_dict(ours.state_dict())
    technique = L2(strength=0.05)
    technique.setup(fit(model=ours))
    x = torch.randn(8, 4, dtype=torch.float64)
    for model, decay in ((ours, 0.0), (theirs, 0.1)):
        optimizer = torch.optim.Adam(model.parameters(), weight_decay=decay)
        for _ in range(20):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            (loss + technique.penalty() if model is ours else loss).backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_nothing_to_penalize(fit):
    with pytest.raises(ConfigError, match=r"regularization=l2: the network has no trainable weights"):
        L2().setup(fit(model=nn.BatchNorm1d(3)))
