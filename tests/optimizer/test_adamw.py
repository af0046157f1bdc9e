def adamw(w, gradients, lr=3e-4, decay=0.01):
    """Loshchilov and Hutter 2019, algorithm 2; torch's decay is multiplied by the learning rate."""
    m, v = 0.0 * w, 0.0 * w
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - lr * ((m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8) + decay * w)
        yield w


def test_closed_form(check):
    check("adamw", adamw)


def test_strong_decay(check):
    check("adamw", lambda w, gs: adamw(w, gs, lr=0.01, decay=0.5), lr=0.01, weight_decay=0.5)
