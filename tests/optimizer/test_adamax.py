import torch


def adamax(w, gradients, lr=2e-3, beta1=0.9, beta2=0.999):
    """Kingma and Ba 2015, algorithm 2; torch adds its eps to the gradients' size, where the paper has none."""
    m, u = 0.0 * w, 0.0 * w
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        u = torch.maximum(beta2 * u, g.abs() + 1e-8)
        w = w - lr / (1 - beta1**t) * m / u
        yield w


def test_closed_form(check):
    check("adamax", adamax)


def test_settings(check):
    check("adamax", lambda w, gs: adamax(w, gs, 0.1, 0.5, 0.9), lr=0.1, betas="[0.5,0.9]")
