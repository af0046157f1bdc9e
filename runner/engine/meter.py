"""Losses and predictions of a pass over data, kept on the device and read rarely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from runner.engine.loss import Loss
from runner.engine.metric import Metric, Statistic
from runner.engine.spec import DataSpec
from runner.errors import RunFailed


class NonFinite(RunFailed):
    """A loss was NaN or infinite.

    Attributes:
        step: number of the update, from 1.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"non-finite loss at step {step}")
        self.step = step


@dataclass(slots=True)
class Result:
    """What came out of one micro-batch; nothing here has waited for the device."""

    loss: Tensor
    outputs: Tensor
    targets: Tensor
    size: int


class Meter:
    """Adds up losses and statistics.

    `add` only keeps references. `check` reads the losses, which waits for the device once for many steps. `fold`
    turns the predictions kept so far into statistics; as floating-point sums depend on how they are grouped, the
    loop folds at fixed positions, so that a resumed run has the same sums to the last bit.

    Args:
        loss: turns outputs into predictions.
        metrics: what is computed besides the loss.
        spec: facts about the data.
    """

    def __init__(self, loss: Loss, metrics: list[Metric], spec: DataSpec) -> None:
        self.loss, self.metrics, self.spec = loss, metrics, spec
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.statistics: dict[type[Statistic], Statistic] = {
            metric.statistic: metric.statistic(self.spec) for metric in self.metrics
        }
        self.loss_sum, self.count = 0.0, 0
        self.losses: list[tuple[int, Tensor, int]] = []  # step, mean loss, examples
        self.outputs: list[Tensor] = []
        self.targets: list[Tensor] = []
        self.predictions: Tensor | None = None
        self.recent_sum, self.recent_count = 0.0, 0

    def add(self, results: list[Result], step: int = 0) -> None:
        """Take the results of the update numbered `step` (from 1), or of an evaluation batch (0)."""
        for result in results:
            self.losses.append((step, result.loss, result.size))
            # techniques that repeat inputs put the repetitions behind the batch itself
            rows = len(result.outputs)
            self.outputs.append(result.outputs if rows == result.size else result.outputs[: result.size])
            self.targets.append(result.targets)

    def check(self) -> None:
        """Read the losses kept so far into the sums.

        Raises:
            NonFinite: that of an update is not finite.
        """
        if not self.losses:
            return
        values = torch.stack([loss for _, loss, _ in self.losses]).tolist()
        for value, (step, _, size) in zip(values, self.losses, strict=True):
            if step and not math.isfinite(value):
                raise NonFinite(step)
            self.loss_sum += value * size  # one by one: the sum must not depend on when it is read
            self.count += size
            self.recent_sum += value * size
            self.recent_count += size
        self.losses.clear()

    def recent(self) -> float:
        """Mean loss since this was last asked; NaN where there was none."""
        mean = self.recent_sum / self.recent_count if self.recent_count else math.nan
        self.recent_sum, self.recent_count = 0.0, 0
        return mean

    def fold(self) -> None:
        """Turn predictions into statistics."""
        self._predict()
        if self.predictions is not None:
            targets = torch.cat(self.targets)
            for statistic in self.statistics.values():
                statistic.update(self.predictions, targets)
            self.predictions = None
            self.targets.clear()

    def _predict(self) -> None:
        if self.outputs:
            new = self.loss.predict(torch.cat(self.outputs).float())
            self.predictions = new if self.predictions is None else torch.cat([self.predictions, new])
            self.outputs.clear()

    def read(self) -> dict[str, float]:
        """Mean loss and metrics of everything added since the last `reset`; NaN where there was nothing."""
        self.check()
        self.fold()
        scores = {"loss": self.loss_sum / self.count if self.count else math.nan}
        for metric in self.metrics:
            total = self.statistics[metric.statistic].total
            scores[metric.name] = math.nan if total is None else float(metric.compute(total))
        return scores

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers and tensors, in the middle of an epoch too. Call `check` first."""
        self._predict()
        return {
            "loss_sum": self.loss_sum,
            "count": self.count,
            "recent_sum": self.recent_sum,
            "recent_count": self.recent_count,
            "predictions": self.predictions,
            "targets": torch.cat(self.targets) if self.targets else None,
            "statistics": [statistic.total for statistic in self.statistics.values()],
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take back what `state_dict` gave."""
        self.reset()
        for name in ("loss_sum", "count", "recent_sum", "recent_count"):
            setattr(self, name, state[name])
        if state["predictions"] is not None:
            self.predictions = state["predictions"].to(device)
            self.targets = [state["targets"].to(device)]
        for statistic, total in zip(self.statistics.values(), state["statistics"], strict=True):
            statistic.total = None if total is None else total.to(device)
