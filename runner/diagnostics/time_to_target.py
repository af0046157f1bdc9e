"""What it took to reach a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.monitor import Mode
from runner.engine.technique import Slot, Technique
from runner.errors import counted

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class TimeToTarget(Technique):
    """Say in which epoch, after how many updates and seconds a score first reached a target.

    Args:
        monitor: a score of the run.
        target: the value to reach.
        mode: direction in which the score improves; ``auto`` asks the metric.

    Source: Coleman et al. 2017, "DAWNBench: An End-to-End Deep Learning Benchmark and Competition" (time to accuracy).
    """

    slot: ClassVar[Slot] = Slot.EPOCH

    def __init__(self, monitor: str = "val/loss", target: float = 0.1, mode: Mode = "auto") -> None:
        self.monitor, self.target, self.mode = monitor, target, mode
        self.reached: tuple[int, int, float] | None = None

    def setup(self, fit: Fit) -> None:
        """Look up the score.

        Raises:
            ConfigError: the run reports no such score.
        """
        self.fit = fit
        self.best = fit.monitor(self.monitor, self.mode, key="diagnostics.time_to_target.monitor")

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> None:
        """Take the time when the target is reached."""
        best = self.best
        if self.reached is None and best.name in scores:
            best.update(scores[best.name], epoch)
            if best.best == self.target or best.is_improvement(best.best, self.target):
                self.reached = (epoch, self.fit.state.step, round(self.fit.seconds(), 3))

    def advice(self) -> list[str]:
        """When the target was reached, or how near the run came."""
        name = self.best.name
        if self.reached is None:
            return [f"{name} did not reach {self.target:g}: its best was {self.best.best:.4g}"]
        epoch, step, seconds = self.reached
        return [f"{name} reached {self.target:g} in epoch {epoch}, after {counted(step, 'update')} and {seconds:.1f} s"]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        at = None if self.reached is None else dict(zip(("epoch", "step", "seconds"), self.reached, strict=True))
        return {"best": self.best.state_dict(), "reached": at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.best.load_state_dict(state["best"])
        at = state["reached"]
        self.reached = None if at is None else (at["epoch"], at["step"], at["seconds"])
