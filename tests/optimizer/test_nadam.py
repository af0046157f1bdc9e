import math


def nadam(w, gradients, lr=2e-3, psi=0.004):
    """Dozat 2016, algorithm 8, with its momentum schedule."""

    def mu(t):
        return 0.9 * (1 - 0.5 * 0.96 ** (t * psi))

    m, n = 0.0 * w, 0.0 * w
    for t, g in enumerate(gradients, start=1):
        past = math.prod(mu(i) for i in range(1, t + 1))
        m = 0.9 * m + 0.1 * g
        n = 0.999 * n + 0.001 * g**2
        ahead = mu(t + 1) * m / (1 - past * mu(t + 1)) + (1 - mu(t)) * g / (1 - past)
        w = w - lr * ahead / ((n / (1 - 0.999**t)) ** 0.5 + 1e-8)
        yield w


def test_closed_form(check):
    check("nadam", nadam, rtol=1e-8)  # torch keeps the product of momenta in float32


def test_momentum_decay(check):
    check("nadam", lambda w, gs: nadam(w, gs, psi=0.1), rtol=1e-8, momentum_decay=0.1)
