def rmsprop(w, gradients, centered=False, momentum=0.0):
    square, mean, buffer = 0.0 * w, 0.0 * w, 0.0 * w
    for g in gradients:
        square = 0.99 * square + 0.01 * g**2
        mean = 0.99 * mean + 0.01 * g
        variance = square - mean**2 if centered else square
        buffer = momentum * buffer + g / (variance**0.5 + 1e-8)
        w = w - 0.01 * buffer
        yield w


def test_closed_form(check):
    check("rmsprop", rmsprop)


def test_centered_with_momentum(check):
    check("rmsprop", lambda w, gs: rmsprop(w, gs, centered=True, momentum=0.9), centered="true", momentum=0.9)
