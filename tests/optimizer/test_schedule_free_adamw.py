def adamw(w, gradients, lr=2.5e-3, beta=0.9, beta2=0.999, decay=0.01):
    """Defazio et al. 2024, algorithm 1, with equal rates."""
    z = x = w
    v = 0.0 * w
    for t, g in enumerate(gradients, start=1):
        y = (1 - beta) * z + beta * x
        v = beta2 * v + (1 - beta2) * g**2
        z = z - lr * (g / ((v / (1 - beta2**t)) ** 0.5 + 1e-8) + decay * y)
        x = (1 - 1 / t) * x + 1 / t * z
        yield (1 - beta) * z + beta * x


def test_closed_form(check):
    check("schedule_free_adamw", adamw)


def test_settings(check):
    check(
        "schedule_free_adamw",
        lambda w, gs: adamw(w, gs, 0.1, 0.6, 0.9, 0.5),
        lr=0.1,
        beta=0.6,
        beta2=0.9,
        weight_decay=0.5,
    )
