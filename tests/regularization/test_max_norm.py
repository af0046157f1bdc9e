import pytest
import torch
from torch import nn

from runner.regularization.max_norm import MaxNorm


def test_rows_and_filters_are_scaled_into_the_ball(fit):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 40, 3), nn.BatchNorm2d(40), nn.Linear(27, 40)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 1)
    before = [p.detach().clone() for p in model.parameters()]
    technique = MaxNorm(5.0)  # about the typical norm of 27 normal numbers
    technique.setup(fit(model=model))
    technique.after_step()
    for old, new in zip(before, model.parameters()):
        for row, after in zip(old, new.detach()):
            norm = row.square().sum().sqrt()
            if old.ndim == 1 or norm <= 5:
                assert torch.equal(after, row)
            else:
                torch.testing.assert_close(after, row * 5 / norm, atol=1e-6, rtol=1e-6)
    norms = before[0].flatten(1).norm(dim=1)
    assert 5 < (norms > 5).sum() < 35


def test_frozen_weights_stay_and_are_bounded_once_unfrozen(fit):
    model = nn.Linear(4, 4)
    nn.init.constant_(model.weight, 9.0)
    model.weight.requires_grad_(False)
    technique = MaxNorm(1.0)
    technique.setup(fit(model=model))
    technique.after_step()
    assert (model.weight == 9).all()
    model.weight.requires_grad_(True)
    technique.after_step()
    torch.testing.assert_close(model.weight.detach().norm(dim=1), torch.ones(4))


@pytest.mark.parametrize(("wrapper", "file"), [("none", "last"), ("lookahead", "best")])
def test_holds_after_a_run(go, wrapper, file):
    """Also for the slow weights of lookahead, which start within the bound here."""
    bound = ["regularization=[max_norm]", "regularization.max_norm.max_value=0.7", f"optimizer/wrapper={wrapper}"]
    result = go(*bound, "optimizer.lr=0.05", "trainer.max_epochs=2")
    assert result["status"] == "completed"
    model = torch.load(f"run/checkpoints/{file}.pt", weights_only=True)["model"]
    norms = [tensor.flatten(1).norm(dim=1).max() for tensor in model.values() if tensor.ndim > 1]
    assert 0.69 < max(norms) < 0.7 + 1e-5
