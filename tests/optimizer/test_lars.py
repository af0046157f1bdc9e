import torch

from runner.optimizer.lars import LARS


def lars(w, gradients, lr=1.0, momentum=0.9, decay=0.0, trust=1e-3):
    """You et al. 2017, algorithm 1."""
    v = 0.0 * w
    for g in gradients:
        local = trust * w.norm() / (g.norm() + decay * w.norm())
        v = momentum * v + lr * local * (g + decay * w)
        w = w - v
        yield w


def test_closed_form(check):
    check("lars", lars)


def test_settings(check):
    check(
        "lars",
        lambda w, gs: lars(w, gs, 2.0, 0.5, 0.1, 0.02),
        lr=2.0,
        momentum=0.5,
        weight_decay=0.1,
        trust_coefficient=0.02,
    )


def test_a_zero_bias_moves_by_the_plain_gradient():
    p = torch.nn.Parameter(torch.zeros(2))
    p.grad = torch.tensor([1.0, -2.0])
    LARS([p], lr=0.5).step()
    assert p.tolist() == [-0.5, 1.0]
