"""Lookahead: slow weights that follow the optimizer's fast ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class Lookahead(Technique):
    """After every `k` updates: ``slow ← slow + α (fast - slow)``, ``fast ← slow``.

    The slow weights are evaluated and kept as the best; the optimizer's own state goes on as it is.

    Args:
        k: updates of the optimizer from one update of the slow weights to the next.
        alpha: how far the slow weights go, in (0, 1]; 1 is the optimizer alone.

    Source: Zhang et al. 2019, "Lookahead Optimizer: k steps forward, 1 step back", algorithm 1.
    """

    slot = Slot.WEIGHTS
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "its slow weights are copied whole, and every process holds a part of the weights"
    }
    moves_weights = True

    def __init__(self, k: Annotated[int, Ge(1)] = 5, alpha: Annotated[float, Gt(0), Le(1)] = 0.5) -> None:
        self.k, self.alpha = k, alpha
        self.updates = 0

    def setup(self, fit: Fit) -> None:
        """Start the slow weights at the weights."""
        self.fast: list[Tensor] = [p for group in fit.optimizer.param_groups for p in group["params"]]
        self.slow = [p.detach().clone() for p in self.fast]

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the slow weights, where it is time to."""
        self.updates += 1
        if self.updates % self.k == 0:
            torch._foreach_lerp_(self.slow, self.fast, self.alpha)
            torch._foreach_copy_(self.fast, self.slow)

    @contextmanager
    def around_evaluation(self) -> Iterator[None]:
        """The slow weights in place of the fast ones."""
        with torch.no_grad():
            kept = [p.clone() for p in self.fast]
            torch._foreach_copy_(self.fast, self.slow)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.fast, kept)

    def state_dict(self) -> dict[str, Any]:
        """The slow weights and the count of updates."""
        return {"updates": self.updates, "slow": self.slow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.updates = state["updates"]
        with torch.no_grad():
            for mine, saved in zip(self.slow, state["slow"], strict=True):
                mine.copy_(saved)
