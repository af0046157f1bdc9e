import torch


def rms(x):
    return x.square().mean().sqrt()


def adafactor(w, gradients, lr=0.01, d=1.0, eps2=1e-3, decay=0.0):
    """Shazeer and Stern 2018, algorithms 4 and 5 without momentum; torch's eps is its type's smallest step squared."""
    eps1 = torch.finfo(w.dtype).eps ** 2
    rows = columns = v = 0.0 * w
    for t, g in enumerate(gradients, start=1):
        beta = 1 - t**-0.8
        alpha = max(eps2, float(rms(w))) * min(lr, t**-0.5)
        if w.ndim == 2:
            rows = beta * rows + (1 - beta) * (g**2).mean(1, keepdim=True)
            columns = beta * columns + (1 - beta) * (g**2).mean(0, keepdim=True)
            v = rows * columns / rows.mean()
        else:
            v = beta * v + (1 - beta) * g**2
        update = g / (v + eps1) ** 0.5
        update = update / max(1.0, float(rms(update)) / d)
        w = w * (1 - lr * decay) - alpha * update
        yield w


def test_closed_form(check):
    check("adafactor", adafactor)


def test_settings(check):
    check("adafactor", lambda w, gs: adafactor(w, gs, 1.0, 1.2, decay=0.1), lr=1.0, d=1.2, weight_decay=0.1)
