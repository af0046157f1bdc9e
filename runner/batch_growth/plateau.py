"""Batches that grow when a score has stopped improving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from runner.batch_growth.base import BatchGrowth
from runner.engine import monitor as following
from runner.engine.monitor import Mode

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class Plateau(BatchGrowth):
    """Batches `factor` times as large when `patience` epochs brought no improvement.

    The counterpart of scheduler=plateau, with the same rule of when it fires: `runner.engine.monitor.Plateau`.

    Args:
        monitor: a score of the run.
        factor: of each growth.
        patience: epochs without improvement; 0 is the same as 1.
        max_batch_size: upper bound, in examples per micro-batch; None: the training split.
        cooldown: epochs after a growth that count for nothing but a new best.
        min_delta: by how much a score must improve, at least 0.
        mode: direction in which the score improves; ``auto`` asks the metric.

    Source: Smith et al. 2018, "Don't Decay the Learning Rate, Increase the Batch Size", section 3.
    """

    def __init__(
        self,
        monitor: str = "val/loss",
        factor: Annotated[int, Ge(2)] = 2,
        patience: Annotated[int, Ge(0)] = 5,
        max_batch_size: Annotated[int, Ge(1)] | None = None,
        cooldown: Annotated[int, Ge(0)] = 0,
        min_delta: Annotated[float, Ge(0)] = 1e-4,
        mode: Mode = "auto",
    ) -> None:
        super().__init__(factor, max_batch_size)
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.patience, self.cooldown = patience, cooldown

    def setup(self, fit: Fit) -> None:
        """Look up the score."""
        super().setup(fit)
        monitor = fit.monitor(self.monitor, self.mode, self.min_delta, key="batch_growth.monitor")
        self.plateau = following.Plateau(monitor, self.patience, self.cooldown)

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> None:
        """Hear the epoch's scores."""
        self.growths += self.plateau.fires(scores)

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {**super().state_dict(), "plateau": self.plateau.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        super().load_state_dict(state)
        self.plateau.load_state_dict(state["plateau"])
