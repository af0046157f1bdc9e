"""Several networks from one run: snapshots at the ends of learning-rate cycles, and their ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import nn
from torch.func import functional_call

from runner.engine import checkpoint
from runner.engine.schedule import LearningRate
from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from runner.engine.fit import Fit
    from runner.engine.task import Task

Weights = dict[str, torch.Tensor]


class RepeatedRate(LearningRate):
    """A learning rate that runs through its whole schedule in every cycle; a warm-up comes once, before the first.

    With a cosine to 0 this is equation 2 of the paper.

    Args:
        inner: the schedule behind its warm-up.
        total: updates of the run.
        cycles: number of cycles; the last may be shorter.
    """

    def __init__(self, inner: LearningRate, total: int, cycles: int) -> None:
        self.inner, self.schedule = inner, inner.schedule
        self.warmup, self.warmup_steps = inner.warmup, inner.warmup_steps
        self.total = total - self.warmup_steps
        self.length = max(1, -(-self.total // cycles))

    def _within(self, step: int) -> int:
        if step < self.warmup_steps:
            return step
        return self.warmup_steps + (step - self.warmup_steps) % self.length * self.total // self.length

    def __call__(self, step: int, base_lr: float) -> float:
        """The rate for the update numbered `step` (from 0) of a group whose own rate is `base_lr`."""
        return self.inner(self._within(step), base_lr)

    def momentum(self, step: int) -> float:
        """The schedule's momentum at the same position."""
        return self.inner.momentum(self._within(step))

    def ends_at(self, step: int) -> bool:
        """Whether a cycle ends with the update numbered `step`."""
        done = step + 1 - self.warmup_steps
        return done > 0 and (done % self.length == 0 or done == self.total)


class Ensemble(nn.Module):
    """Networks of one shape as one: their probabilities are averaged, as the task combines them.

    Args:
        model: the network; its own weights don't matter.
        members: weights and buffers of each member, at least one.
        task: says how raw outputs are combined.
    """

    def __init__(self, model: nn.Module, members: list[Weights], task: Task) -> None:
        super().__init__()
        self.model, self.members, self.task = model, members, task

    def forward(self, inputs: Tensor, **more: Tensor) -> Tensor:
        """Raw outputs ``(N, num_outputs)`` that stand for the average of the members."""
        each = [functional_call(self.model, m, (inputs,), more) for m in self.members]
        return self.task.combine(torch.stack(each))


class Snapshot(Technique):
    """Divide the run into cycles, keep the weights at the end of each, and score them together as an ensemble.

    The learning rate runs through the chosen schedule once per cycle, so that each ends in a minimum and the next
    starts with a jump out of it: cosine is the paper's. Snapshots are kept as ``checkpoints/snapshot-NN.pt``, each a
    network of its own. Scores of the ensemble are named ``ensemble_...`` (``val/ensemble_accuracy``), beside those of
    the network: at the end of every cycle, and on the test split.

    Args:
        cycles: how many; each should be long enough to train the network from its last state.
        members: the ensemble is made of so many last snapshots; None takes all.

    Source: Huang et al. 2017, "Snapshot Ensembles: Train 1, Get M for Free".
    """

    slot: ClassVar[Slot] = Slot.AVERAGE
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "it keeps networks to be called beside, and every process holds a part of the weights"
    }
    not_saved: ClassVar[tuple[str, ...]] = ("members",)  # each lies in a file of its own
    conflicts: ClassVar[dict[str, str]] = {
        "swa": "swa holds the learning rate that snapshot lets go in cycles",
        "early_stopping": "scores get worse at the start of every cycle, which would end the run",
    }

    def __init__(self, cycles: Annotated[int, Ge(1)] = 5, members: Annotated[int, Ge(1)] | None = None) -> None:
        self.cycles, self.size = cycles, members
        self.taken, self.fresh = 0, False
        self.members: list[Weights] = []

    def setup(self, fit: Fit) -> None:
        """Let the learning rate go in cycles.

        Raises:
            ConfigError: the schedule follows scores, so it can't be repeated.
        """
        if fit.learning_rate.schedule.monitors:
            raise ConfigError(
                "regularization=snapshot: repeats the schedule of the learning rate in every cycle, and this one "
                "follows the scores of the run instead of a plan. Take another, such as scheduler=cosine."
            )
        self.fit = fit
        self.rate = fit.learning_rate = RepeatedRate(fit.learning_rate, fit.plan.total, self.cycles)

    def _path(self, number: int) -> Path:
        return self.fit.recorder.folder.checkpoints / f"snapshot-{number:02d}.pt"

    def after_step(self) -> None:
        """At the end of a cycle, keep the weights."""
        fit = self.fit
        if not self.rate.ends_at(fit.state.step):
            return
        self.taken += 1
        self.fresh = True
        weights = {name: tensor.detach().clone() for name, tensor in fit.model.state_dict().items()}
        self._remember(weights)
        content = {"model": weights, "position": fit.state.position(), **fit.about}
        if fit.ranks.main:
            checkpoint.save(self._path(self.taken), content)

    def _remember(self, weights: Weights) -> None:
        self.members = [*self.members, weights][-self.size if self.size else 0 :]

    def also_evaluate(self, split: str) -> dict[str, nn.Module]:
        """The ensemble, for the test split and once after every cycle."""
        if not self.members or not (self.fresh or split == "test"):
            return {}
        self.fresh = False
        return {"ensemble": Ensemble(self.fit.model, self.members, self.fit.task)}

    def state_dict(self) -> dict[str, Any]:
        """How many snapshots there are; they have files of their own."""
        return {"taken": self.taken, "fresh": self.fresh}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Read the snapshots back; `setup` comes first.

        Raises:
            RunFailed: a file is missing or damaged.
        """
        self.taken, self.fresh = state["taken"], state["fresh"]
        self.members = []
        for number in range(max(1, self.taken - (self.size or self.taken) + 1), self.taken + 1):
            self._remember(checkpoint.load(self._path(number), self.fit.device)["model"])
