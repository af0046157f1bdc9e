import torch

from runner.optimizer.lamb import LAMB


def lamb(w, gradients, lr=5e-3, decay=0.01, beta1=0.9, beta2=0.999):
    """You et al. 2020, algorithm 2."""
    m, v = 0.0 * w, 0.0 * w
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + 1e-6)
        u = r + decay * w
        w = w - lr * w.norm() / u.norm() * u
        yield w


def test_closed_form(check):
    check("lamb", lamb)


def test_settings(check):
    check("lamb", lambda w, gs: lamb(w, gs, 0.1, 0.5, 0.5, 0.8), lr=0.1, weight_decay=0.5, betas="[0.5,0.8]")


def test_a_zero_bias_moves_as_by_adam():
    p = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
    p.grad = torch.tensor([1.0, -2.0, 3.0, 0.5], dtype=torch.float64)
    LAMB([p], lr=0.1).step()
    torch.testing.assert_close(p.detach(), -0.1 * p.grad.sign(), rtol=1e-5, atol=0)


def test_a_parameter_that_was_frozen_counts_its_own_updates():
    """Its first update is corrected for the bias of a first one."""
    late, never = (torch.nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2))
    first = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = LAMB([first, late, never], lr=0.1)
    for step in range(5):
        first.grad = torch.ones(2, dtype=torch.float64)
        late.grad = torch.ones(2, dtype=torch.float64) if step == 4 else None
        optimizer.step()
    alone = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    alone.grad = torch.ones(2, dtype=torch.float64)
    LAMB([alone], lr=0.1).step()
    torch.testing.assert_close(late.detach(), alone.detach())
    assert never.tolist() == [1.0, 1.0]
