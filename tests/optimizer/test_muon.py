from copy import deepcopy

import pytest
import torch
from torch import nn

from runner.optimizer.muon import Muon
from runner.optimizer.params import Params


def network():
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "embed": nn.Embedding(5, 6),
            "conv": nn.Conv2d(2, 3, 2),
            "hidden": nn.Linear(6, 8),
            "wide": nn.Linear(8, 4, bias=False),
            "norm": nn.LayerNorm(4),
            "output": nn.Linear(4, 2),
        }
    )


def paths(optimizers, model):
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        for p in model.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()
    return {name: p.detach().clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("decay_norm_bias", [True, False])
@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw", "spectral_unclamped"])
def test_is_torchs_muon_on_hidden_matrices_and_torchs_adamw_on_the_rest(adjust, decay_norm_bias):
    model = network()
    ours = paths([Muon(Params(decay_norm_bias)(model), lr=0.01, adjust_lr_fn=adjust)], model)
    model = network()
    hidden = [model["hidden"].weight, model["wide"].weight]
    others = [p for p in model.parameters() if not any(p is m for m in hidden)]
    rest = [
        {"params": [p for p in others if p.ndim > 1]},
        {"params": [p for p in others if p.ndim <= 1], **({} if decay_norm_bias else {"weight_decay": 0.0})},
    ]
    theirs = paths(
        [
            torch.optim.Muon(hidden, lr=0.01, adjust_lr_fn=adjust),
            torch.optim.AdamW(rest, lr=0.01, weight_decay=0.1),
        ],
        model,
    )
    for name, p in ours.items():
        torch.testing.assert_close(p, theirs[name], msg=name)


def test_an_update_of_a_matrix_is_about_as_large_as_adamws():
    """What the one rate for both relies on (Liu et al. 2025, equation 4: a root mean square of 0.2 lr)."""
    p = nn.Parameter(torch.zeros(64, 32))
    p.grad = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
    Muon([p], lr=0.01, weight_decay=0.0).step()
    assert float(p.detach().square().mean().sqrt()) == pytest.approx(0.2 * 0.01, rel=0.2)


def test_goes_on_from_its_state():
    model = network()
    first = Muon(Params()(model))
    paths([first], model)
    copy = network()
    copy.load_state_dict(model.state_dict())
    second = Muon(Params()(copy))
    second.load_state_dict(deepcopy(first.state_dict()))  # torch shares the tensors
    expected, found = paths([first], model), paths([second], copy)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_works_without_matrices_and_without_anything_else():
    for p in (nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3, 3))):
        p.grad = torch.ones_like(p)
        Muon([p], lr=0.1).step()
        assert (p < 1).all()
