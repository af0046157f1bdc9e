import numpy as np
import pytest
import scipy.linalg
import torch

from runner.optimizer.shampoo import Shampoo, inverse_root


def power(matrix, exponent):
    return torch.from_numpy(np.real(scipy.linalg.fractional_matrix_power(matrix.numpy(), exponent)))


def shampoo(w, gradients, lr=0.1, momentum=0.9, decay=0.0, eps=1e-4, every=1, graft=True):
    """Gupta et al. 2018, algorithm 1 for matrices, algorithm 2 with k = 1 for vectors."""
    shape, w = w.shape, w.reshape(w.shape or (1,))
    L = eps * torch.eye(w.shape[0], dtype=w.dtype)
    R = eps * torch.eye(w.shape[-1], dtype=w.dtype)
    v = 0.0 * w
    for t, g in enumerate(gradients, start=1):
        g = g.reshape(w.shape)
        if w.ndim == 2:
            L, R = L + g @ g.T, R + g.T @ g
            if t <= every or t % every == 0:
                left, right = power(L, -1 / 4), power(R, -1 / 4)
            step = left @ g @ right
        else:
            L = L + torch.outer(g, g)
            if t <= every or t % every == 0:
                left = power(L, -1 / 2)
            step = left @ g
        if graft:
            step = step * g.norm() / step.norm()
        v = momentum * v + step
        w = w * (1 - lr * decay) - lr * v
        yield w.reshape(shape)


def test_closed_form(check):
    check("shampoo", shampoo, rtol=1e-6, update_every=1)


def test_settings(check):
    check(
        "shampoo",
        lambda w, gs: shampoo(w, gs, 0.5, 0.0, 0.1, 0.01, every=6, graft=False),
        rtol=1e-6,
        lr=0.5,
        momentum=0.0,
        weight_decay=0.1,
        eps=0.01,
        update_every=6,
        graft=False,
    )


@pytest.mark.parametrize("shape", [(3, 4, 2), (5, 2, 3, 3)])
def test_a_tensor_is_whitened_along_every_dimension(shape):
    """One update against contractions written out with einsum."""
    torch.manual_seed(0)
    p = torch.nn.Parameter(torch.randn(shape, dtype=torch.float64))
    before, g = p.detach().clone(), torch.randn(shape, dtype=torch.float64)
    p.grad = g.clone()
    Shampoo([p], lr=1.0, momentum=0.0, eps=0.1, graft=False).step()
    letters, expected = "abcd"[: len(shape)], g
    for dim, letter in enumerate(letters):
        other = letters.replace(letter, "z")
        H = 0.1 * torch.eye(shape[dim], dtype=torch.float64) + torch.einsum(f"{letters},{other}->{letter}z", g, g)
        expected = torch.einsum(f"{other},z{letter}->{letters}", expected, power(H, -1 / (2 * len(shape))))
    torch.testing.assert_close(before - p.detach(), expected)


def test_long_dimensions_are_left_alone():
    p = torch.nn.Parameter(torch.ones(6, dtype=torch.float64))
    p.grad = torch.arange(6.0, dtype=torch.float64)
    Shampoo([p], lr=1.0, max_size=5).step()
    torch.testing.assert_close(p.detach(), 1 - p.grad)


def test_roots_of_nearly_singular_sums_are_finite_in_float32():
    vector = torch.randn(50)
    assert inverse_root(torch.outer(vector, vector) + 1e-8 * torch.eye(50), 4).isfinite().all()


def test_a_gradient_that_is_not_finite_or_zero_raises_nothing():
    for value in (float("nan"), float("inf"), 0.0):
        p = torch.nn.Parameter(torch.ones(3, 2))
        p.grad = torch.full((3, 2), value)
        Shampoo([p]).step()
    assert p.tolist() == [[1.0, 1.0]] * 3
