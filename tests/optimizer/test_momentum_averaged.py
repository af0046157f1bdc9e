import pytest
import torch

from runner.optimizer.momentum_averaged import MomentumAveraged


def averaged(w, gradients, lr=0.1, beta=0.9, decay=0.0):
    v = 0.0 * w
    for g in gradients:
        v = beta * v + (1 - beta) * (g + decay * w)
        w = w - lr * v
        yield w


def test_closed_form(check):
    check("momentum_averaged", averaged)


def test_settings(check):
    check(
        "momentum_averaged",
        lambda w, gs: averaged(w, gs, 0.3, 0.5, 0.01),
        lr=0.3,
        momentum=0.5,
        weight_decay=0.01,
    )


@pytest.mark.parametrize("beta", [0.5, 0.9])
def test_torchs_form_takes_the_same_path_at_a_smaller_rate_and_dampening_does_not(beta):
    paths = []
    for make in (
        lambda p: MomentumAveraged(p, lr=0.1, momentum=beta),
        lambda p: torch.optim.SGD(p, lr=0.1 * (1 - beta), momentum=beta),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=beta, dampening=1 - beta),
    ):
        p = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        optimizer = make([p])
        path = []
        for t in range(20):
            p.grad = torch.cos(torch.arange(3.0, dtype=torch.float64) + t)
            optimizer.step()
            path.append(p.detach().clone())
        paths.append(torch.stack(path))
    torch.testing.assert_close(paths[0], paths[1])
    assert (paths[0] - paths[2]).abs().max() > 0.01
