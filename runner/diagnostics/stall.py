"""A loss that stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Lt

from runner.diagnostics.divergence import initial_loss
from runner.diagnostics.observation.loss_history import LossHistory

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class Stall(LossHistory):
    """Notice a training loss that hardly changes any more although it is still near where it began.

    A loss that stopped falling near 0 has converged; one that is still above `height` of the loss before training is
    stuck on a plateau, in a poor minimum, or can't learn.

    Args:
        epochs: how many of the last epochs are looked at, at least 2.
        fall: less change than this over these epochs is none; a share of the loss, in (0, 1).
        height: share of the loss before training, in (0, 1).

    Source: Dauphin et al. 2014, "Identifying and attacking the saddle point problem in high-dimensional non-convex
    optimization", section 1.
    """

    def __init__(
        self,
        epochs: Annotated[int, Ge(2)] = 5,
        fall: Annotated[float, Gt(0), Lt(1)] = 0.01,
        height: Annotated[float, Gt(0), Lt(1)] = 0.5,
    ) -> None:
        super().__init__()
        self.epochs, self.fall, self.height = epochs, fall, height

    def setup(self, fit: Fit) -> None:
        """Take the loss before training."""
        self.start = initial_loss(fit)

    def advice(self) -> list[str]:
        """What to do about a loss that stalled."""
        losses = self.losses
        stuck = len(losses) == self.epochs and abs(losses[0] - losses[-1]) < self.fall * abs(losses[0])
        if not stuck or losses[-1] < self.height * self.start:
            return []
        return [
            f"train/loss is stuck at {losses[-1]:.3g} ({self.start:.3g} before training); try a higher optimizer.lr, "
            "optimizer=adam, init=he, a model.norm, and diagnostics=[gradient_norm,dead_units] to see why"
        ]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers, the loss before training included: a resumed run starts elsewhere."""
        return super().state_dict() | {"start": self.start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        super().load_state_dict(state)
        self.start = state["start"]
