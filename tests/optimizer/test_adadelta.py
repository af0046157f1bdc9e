def adadelta(w, gradients, rho=0.9, eps=1e-6, lr=1.0):
    """Zeiler 2012, algorithm 1."""
    square, delta = 0.0 * w, 0.0 * w
    for g in gradients:
        square = rho * square + (1 - rho) * g**2
        step = -(((delta + eps) / (square + eps)) ** 0.5) * g
        delta = rho * delta + (1 - rho) * step**2
        w = w + lr * step
        yield w


def test_closed_form(check):
    check("adadelta", adadelta)


def test_settings(check):
    check("adadelta", lambda w, gs: adadelta(w, gs, 0.5, 1e-3, 0.2), rho=0.5, eps=1e-3, lr=0.2)
