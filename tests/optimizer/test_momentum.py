def momentum(w, gradients, beta=0.9):
    v = 0.0 * w
    for g in gradients:
        v = beta * v + g
        w = w - 0.1 * v
        yield w


def test_closed_form(check):
    check("momentum", momentum)


def test_coefficient(check):
    check("momentum", lambda w, gs: momentum(w, gs, beta=0.5), momentum=0.5)
