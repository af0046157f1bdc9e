def nesterov(w, gradients):
    """Sutskever et al. 2013, equations 3 and 4, followed at the point ahead: there the gradients are taken."""
    lr, mu = 0.1, 0.9
    velocity = 0.0 * w
    position = w
    for g in gradients:
        velocity_new = mu * velocity - lr * g
        position = position + velocity_new
        yield position + mu * velocity_new
        velocity = velocity_new


def test_closed_form(check):
    check("nesterov", nesterov)
