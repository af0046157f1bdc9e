"""How much each member of an ensemble weighs, fitted on validation examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.task import Task

Floats = NDArray[np.float64]
TINY = 1e-300  # a likelihood of 0 has no logarithm


def log_loss_weights(likelihoods: Floats) -> Floats:
    """Shares that minimize the log loss of the mixture: ``min_w -1/U Σ_u log Σ_k w_k p_k(u)``, ``w >= 0``, ``Σ w = 1``.

    The problem is convex, so that the mixture is never worse there than its best member.

    Args:
        likelihoods: probability that each member gives to what is true of each unit ``(members, U)``.

    Source: Breiman 1996, "Stacked Regressions" (non-negative weights); for densities Smyth and Wolpert 1999, "Linearly
    Combining Density Estimators via Stacking".
    """
    p = np.maximum(likelihoods, TINY)

    def loss(w: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(w @ p, TINY)
        return float(-np.log(mixed).mean()), -(p / mixed).mean(1)

    return _on_simplex(loss, len(p))


def squared_error_weights(errors: Floats) -> Floats:
    """Shares that minimize the squared error: ``min_w 1/U Σ_u (Σ_k w_k e_k(u))²``, ``w >= 0``, ``Σ w = 1``.

    As the shares sum to 1, the error of the mean is the mean of the errors.

    Args:
        errors: what each member tells minus what is true ``(members, U)``.

    Source: Breiman 1996, "Stacked Regressions", section 2.
    """
    products = errors @ errors.T / max(1, errors.shape[1])

    def loss(w: Floats) -> tuple[float, Floats]:
        return float(w @ products @ w), 2 * products @ w

    return _on_simplex(loss, len(errors))


def _on_simplex(loss: Callable[[Floats], tuple[float, Floats]], members: int) -> Floats:
    """The best of what SLSQP finds, of equal shares, and of each member alone."""
    from scipy.optimize import minimize

    equal = np.full(members, 1 / members)
    start, _ = loss(equal)
    scale = abs(start) or 1.0  # its tolerance is absolute
    found = minimize(
        lambda w: tuple(part / scale for part in loss(w)),
        equal,
        jac=True,
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    shares = np.clip(found.x, 0, 1)
    tried = [equal, *np.eye(members)]
    if np.isfinite(shares).all() and shares.sum() > 0:
        tried.insert(0, shares / shares.sum())
    best: Floats = min(tried, key=lambda w: loss(w)[0])
    return best


def evidence(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """What a member's outputs say of each unit: the probability of what is true, or the error of a value ``(U,)``."""
    field = task.spec.targets
    assert field is not None
    if field.kind == "values":
        return (task.predict(outputs) - targets.view_as(task.predict(outputs))).flatten()
    shares = task.probabilities(outputs)
    if field.kind == "labels":
        return shares.where(targets > 0.5, 1 - shares).flatten()
    known = targets != IGNORED
    shares = shares.movedim(-1 if field.kind in ("tokens", "tags") else 1, -1)[known]
    return shares.gather(1, targets[known][:, None])[:, 0]
