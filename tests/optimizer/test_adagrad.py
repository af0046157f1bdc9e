def adagrad(w, gradients, lr=0.01, lr_decay=0.0, start=0.0):
    c = 0.0 * w + start
    for t, g in enumerate(gradients):
        c = c + g**2
        w = w - lr / (1 + t * lr_decay) * g / (c**0.5 + 1e-10)
        yield w


def test_closed_form(check):
    check("adagrad", adagrad)


def test_settings(check):
    check(
        "adagrad",
        lambda w, gs: adagrad(w, gs, lr=0.3, lr_decay=0.1, start=2.0),
        lr=0.3,
        lr_decay=0.1,
        initial_accumulator_value=2.0,
    )
