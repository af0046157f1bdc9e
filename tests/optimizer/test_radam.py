import math


def radam(w, gradients, lr=1e-3, beta1=0.9, beta2=0.999):
    """Liu et al. 2020, algorithm 2."""
    limit = 2 / (1 - beta2) - 1
    m, v = 0.0 * w, 0.0 * w
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        step = m / (1 - beta1**t)
        length = limit - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5:
            rectified = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            step = step * math.sqrt(rectified) * (1 - beta2**t) ** 0.5 / (v**0.5 + 1e-8)
        w = w - lr * step
        yield w


def test_closed_form(check):
    check("radam", radam)


def test_short_memory_is_rectified_sooner(check):
    check("radam", lambda w, gs: radam(w, gs, beta2=0.9), betas="[0.9,0.9]")
