"""An end to runs that no longer improve."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from runner.engine.monitor import Mode
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit

log = logging.getLogger(__name__)


class EarlyStopping(Technique):
    """Stop after `patience` epochs in a row without a better score, as Keras' ``EarlyStopping``.

    An epoch improves when its score beats the best so far by more than `min_delta`; NaN never does. With a `baseline`,
    an epoch that is the best so far but does not beat the baseline by more than `min_delta` leaves the count running;
    it is itself never the epoch that stops. The first epoch never stops the run. Epochs without the score (validation
    left out) are passed over.

    Args:
        monitor: a score of the run.
        patience: epochs without improvement; 0 is the same as 1.
        min_delta: at least 0.
        mode: direction in which the score improves; ``auto`` asks the metric.
        baseline: a value to be beaten within `patience` epochs; None: none.
        start_from_epoch: number of first epochs that are not looked at.
        restore_best_weights: whether the run ends with the weights of its best epoch (True) or of its last. Not done
            here: the engine keeps the weights that are best by the run's own `monitor`, and asks for this.
        verbose: 1 logs every epoch without improvement.

    Source: Prechelt 1998, "Early Stopping - But When?".
    """

    slot: ClassVar[Slot] = Slot.EPOCH

    def __init__(
        self,
        monitor: str = "val/loss",
        patience: Annotated[int, Ge(0)] = 5,
        min_delta: Annotated[float, Ge(0)] = 0.0,
        mode: Mode = "auto",
        baseline: float | None = None,
        start_from_epoch: Annotated[int, Ge(0)] = 0,
        restore_best_weights: bool = True,
        verbose: Literal[0, 1] = 0,
    ) -> None:
        self.monitor, self.mode, self.min_delta, self.baseline = monitor, mode, min_delta, baseline
        self.patience, self.start_from_epoch = patience, start_from_epoch
        self.restore_best_weights, self.verbose = restore_best_weights, verbose
        self.wait = 0

    def setup(self, fit: Fit) -> None:
        """Look up the score, and say where the weights that are kept go by another one.

        Raises:
            ConfigError: the run reports no such score.
        """
        self.best = fit.monitor(self.monitor, self.mode, self.min_delta, key="regularization.early_stopping.monitor")
        kept = fit.best.monitor
        if self.restore_best_weights and (kept.name, kept.direction) != (self.best.name, self.best.direction):
            fit.progress.message(
                f"early_stopping follows {self.best.name} ({self.best.direction}), and the weights kept are the best "
                f"by monitor={kept.name} ({kept.direction}). monitor={self.best.name} alone serves both."
            )

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> str | None:
        """The reason to stop, or None."""
        name = self.best.name
        if epoch <= self.start_from_epoch or name not in scores:
            return None
        score = scores[name]
        self.wait += 1
        if self.best.update(score, epoch):
            if self.baseline is None or self.best.is_improvement(score, self.baseline):
                self.wait = 0
            return None
        if self.verbose:
            log.info("%s %.6g: no improvement for %d of %d epochs", name, score, self.wait, self.patience)
        return self._reason() if self.wait >= self.patience and epoch > 1 else None

    def _reason(self) -> str:
        best = self.best
        count = f"{self.wait} epoch{'s' if self.wait > 1 else ''}"
        if best.best_epoch is None:
            return f"{best.name} was no number for {count}"
        if self.baseline is not None and not best.is_improvement(best.best, self.baseline):
            return f"{best.name} did not beat the baseline {self.baseline:.6g} within {count}"
        return f"{best.name} has not improved for {count} (best {best.best:.6g} in epoch {best.best_epoch})"

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"wait": self.wait, "best": self.best.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.wait = state["wait"]
        self.best.load_state_dict(state["best"])
