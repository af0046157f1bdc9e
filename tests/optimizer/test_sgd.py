def sgd(w, gradients, decay=0.0):
    for g in gradients:
        w = w - 0.1 * (g + decay * w)
        yield w


def test_closed_form(check):
    check("sgd", sgd)


def test_weight_decay_adds_to_the_gradient(check):
    check("sgd", lambda w, gs: sgd(w, gs, decay=0.03), weight_decay=0.03)
