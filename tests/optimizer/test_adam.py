import torch


def adam(w, gradients, lr=1e-3, decay=0.0, amsgrad=False):
    """Kingma and Ba 2015, algorithm 1; Reddi et al. 2018, algorithm 2, with bias correction."""
    m, v, largest = 0.0 * w, 0.0 * w, 0.0 * w
    for t, g in enumerate(gradients, start=1):
        g = g + decay * w
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        largest = torch.maximum(largest, v) if amsgrad else v
        w = w - lr * (m / (1 - 0.9**t)) / ((largest / (1 - 0.999**t)) ** 0.5 + 1e-8)
        yield w


def test_closed_form(check):
    check("adam", adam)


def test_weight_decay_adds_to_the_gradient(check):
    check("adam", lambda w, gs: adam(w, gs, decay=0.1), weight_decay=0.1)


def test_amsgrad(check):
    check("adam", lambda w, gs: adam(w, gs, amsgrad=True), amsgrad="true")
