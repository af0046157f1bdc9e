"""The base of everything that makes batches larger in the course of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit
    from runner.engine.metric import Direction


class BatchGrowth(Technique):
    """Between epochs, a batch size of ``data.batch_size * factor ** n``; subclasses say when n grows.

    The order of the examples is the same as without, and every epoch has each of them once. Schedules and warm-ups
    count in updates of the first size, so that the learning rate follows the share of the run that is done. The
    score ``batch_size`` is recorded with every epoch.

    Args:
        factor: of each growth.
        max_batch_size: upper bound, in examples per micro-batch; None: the training split.

    Source: Smith et al. 2018, "Don't Decay the Learning Rate, Increase the Batch Size".
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    reports: ClassVar[dict[str, Direction]] = {"batch_size": "max"}
    conflicts: ClassVar[dict[str, str]] = {
        "snapshot": "its cycles end at updates that are left out when batches are larger"
    }

    def __init__(self, factor: Annotated[int, Ge(2)] = 2, max_batch_size: Annotated[int, Ge(1)] | None = None) -> None:
        self.factor, self.max_batch_size = factor, max_batch_size
        self.growths = 0

    def setup(self, fit: Fit) -> None:
        """Find out how far batches can grow.

        Raises:
            ConfigError: not at all, or the run's length counts updates.
        """
        if fit.settings.max_steps is not None:
            raise ConfigError(
                f"batch_growth={self.name}: how many updates an epoch has changes on the way, so that "
                f"trainer.max_steps={fit.settings.max_steps} says nothing. Give trainer.max_epochs or trainer.max_time."
            )
        train = self.train = fit.train
        first, most = train.first_size, min(self.max_batch_size or train.size, train.size // train.accumulate)
        self.most = 0
        while first * self.factor ** (self.most + 1) <= most:
            self.most += 1
        if not self.most:
            raise ConfigError(
                f"batch_growth={self.name}: {self.factor} times data.batch_size={first} is more than "
                f"{'the training examples' if most < (self.max_batch_size or most + 1) else 'max_batch_size'} "
                f"({most}), so nothing can grow."
            )
        train.growing = True

    def on_epoch_start(self, epoch: int) -> None:
        """Take the size of this epoch."""
        self.train.grow(self.factor ** min(self.growths, self.most))

    def epoch_scores(self, scores: dict[str, float]) -> dict[str, float]:
        """The size that the epoch had."""
        return {"batch_size": float(self.train.batch_size)}

    def state_dict(self) -> dict[str, Any]:
        """How often it grew."""
        return {"growths": self.growths}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.growths = state["growths"]
        self.train.grow(self.factor ** min(self.growths, self.most))
