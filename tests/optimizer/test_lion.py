import torch


def lion(w, gradients, lr=1e-4, beta1=0.9, beta2=0.99, decay=0.1):
    """Chen et al. 2023, program 1."""
    m = 0.0 * w
    for g in gradients:
        w = w - lr * (torch.sign(beta1 * m + (1 - beta1) * g) + decay * w)
        m = beta2 * m + (1 - beta2) * g
        yield w


def test_closed_form(check):
    check("lion", lion)


def test_settings(check):
    check("lion", lambda w, gs: lion(w, gs, 0.1, 0.5, 0.6, 0.0), lr=0.1, betas="[0.5,0.6]", weight_decay=0.0)
