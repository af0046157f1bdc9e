"""Stochastic weight averaging."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch.nn.modules.batchnorm import _BatchNorm

from runner.engine.schedule import LearningRate
from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError, counted
from runner.regularization.weights.average import copy, floating, in_place_of

if TYPE_CHECKING:
    from torch import nn

    from runner.engine.fit import Fit


class HeldRate(LearningRate):
    """A learning rate that leaves its schedule at an update, goes to a value along a half cosine, and stays there.

    Args:
        inner: the schedule behind its warm-up.
        begin: number of the update (from 0) at which the schedule is left, or the end of the warm-up if that is later.
        lr: the value, as a share of each group's own rate; None stays at the schedule's value at `begin`.
        length: updates from there to the value.
    """

    def __init__(self, inner: LearningRate, begin: int, lr: float | None, length: int) -> None:
        self.inner, self.schedule = inner, inner.schedule
        self.warmup, self.warmup_steps = inner.warmup, inner.warmup_steps
        self.begin, self.lr, self.length = max(begin, inner.warmup_steps), lr, length

    def __call__(self, step: int, base_lr: float) -> float:
        """The rate for the update numbered `step` (from 0) of a group whose own rate is `base_lr`."""
        rate = self.inner(min(step, self.begin), base_lr)
        if self.lr is None or step < self.begin:
            return rate
        t = min(1.0, (step - self.begin) / self.length) if self.length else 1.0
        share = (1.0 - math.cos(math.pi * t)) / 2.0
        return self.lr * base_lr * share + rate * (1.0 - share)

    def momentum(self, step: int) -> float:
        """The schedule's momentum, held from `begin` on."""
        return self.inner.momentum(min(step, self.begin))


class SWA(Technique):
    """Average the weights at the ends of the last epochs, at a learning rate that keeps them moving.

    From `start` on the learning rate is held, and after every epoch the weights enter an equal average, which is what
    is scored and kept as the best; training goes on with the weights themselves. Before each evaluation the statistics
    of batch norm are computed anew for the average, in one pass over the training split in the order of the last epoch
    that is in it, with dropout off and without augmentation; a frozen batch norm keeps its own.

    Args:
        start: when averaging begins: below 1 as a share of the run's epochs, from 1 on as a number of epochs.
        lr: learning rate while averaging; None holds the schedule's at `start`. Where groups of parameters have rates
            of their own, it is that of the first, and the others keep their ratio to it.
        anneal_epochs: epochs over which the rate goes from the schedule's to `lr`.

    Source: Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization", algorithm 1.
    """

    slot: ClassVar[Slot] = Slot.AVERAGE
    not_saved: ClassVar[tuple[str, ...]] = ("stale", "statistics")  # made anew when they are next needed

    def __init__(
        self,
        start: Annotated[float, Ge(0)] = 0.75,
        lr: Annotated[float, Ge(0)] | None = None,
        anneal_epochs: Annotated[int, Ge(0)] = 5,
    ) -> None:
        self.start, self.lr, self.anneal_epochs = start, lr, anneal_epochs
        self.count, self.stale = 0, True

    def setup(self, fit: Fit) -> None:
        """Hold the learning rate from the start on.

        Raises:
            ConfigError: the run ends before averaging begins, or the schedule follows scores, which no rate at `start`
                stands for.
        """
        self.fit, plan = fit, fit.plan
        self.start_epoch = math.floor(self.start * plan.epochs + 1e-9) if self.start < 1 else int(self.start)
        if self.start_epoch >= plan.epochs:
            raise ConfigError(
                f"regularization.swa.start={self.start:g}: the run ends after {counted(plan.epochs, 'epoch')}, "
                "before averaging begins. Give a smaller number of epochs, or a share of the run below 1."
            )
        if self.lr is None and fit.learning_rate.schedule.monitors:
            raise ConfigError(
                "regularization.swa.lr=null: holds the rate that the schedule has where averaging begins, and this one "
                "follows scores and would go on lowering it. Give regularization.swa.lr, or take a schedule such as "
                "scheduler=cosine."
            )
        base = fit.optimizer.param_groups[0]["initial_lr"] or 1.0
        fit.learning_rate = HeldRate(
            fit.learning_rate,
            self.start_epoch * plan.updates_per_epoch,
            None if self.lr is None else self.lr / base,
            self.anneal_epochs * plan.updates_per_epoch,
        )
        self.weights = floating(fit.model, buffers=False)
        self.average = {name: tensor.clone() for name, tensor in self.weights.items()}
        self.norms = {name: m for name, m in fit.model.named_modules() if isinstance(m, _BatchNorm)}
        statistics = {f"{n}.{key}": buffer for n, m in self.norms.items() for key, buffer in m.named_buffers()}
        self.tensors = self.weights | statistics
        self.statistics = {name: tensor.clone() for name, tensor in statistics.items()}

    @torch.no_grad()
    def after_step(self) -> None:
        """At the end of an epoch, take the weights into the average."""
        state = self.fit.state
        if state.epoch < self.start_epoch or state.epoch_step + 1 < self.fit.train.updates_per_epoch:
            return
        self.count += 1
        self.stale = True
        torch._foreach_lerp_(list(self.average.values()), list(self.weights.values()), 1.0 / self.count)

    @contextmanager
    def around_evaluation(self) -> Iterator[None]:
        """The average in place of the weights, with its own statistics of batch norm; nothing before there is one."""
        if not self.count:
            yield
            return
        with in_place_of(self.tensors, self.average | self.statistics):
            if self.stale:
                update_statistics(self.fit, list(self.norms.values()), self.start_epoch + self.count - 1)
                copy(self.tensors, self.statistics)
                self.stale = False
            yield

    def state_dict(self) -> dict[str, Any]:
        """The average and the number of epochs in it."""
        return {"count": self.count, "average": self.average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.count = state["count"]
        copy(state["average"], self.average)


@torch.no_grad()
def update_statistics(fit: Fit, norms: list[nn.Module], epoch: int) -> None:
    """Set the running statistics of batch norms to the equal mean over the training split's batches.

    As ``torch.optim.swa_utils.update_bn``, but nothing else is in training mode, so that nothing is drawn, and norms
    whose parameters are frozen are left alone. Leaves the network in evaluation mode.

    Args:
        fit: the run.
        norms: its batch norms.
        epoch: the epoch (from 0) in whose order examples come. It must be a shuffled one: batches of rows as stored may
            hold a class each, and the variance within them would leave out what is between the classes.
    """
    moving = [m for m in norms if isinstance(m, _BatchNorm) and m.track_running_stats]
    moving = [m for m in moving if not m.affine or any(p.requires_grad for p in m.parameters())]
    fit.model.eval()
    if not moving:
        return
    momenta = [norm.momentum for norm in moving]
    for norm in moving:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for batch in (part for update in fit.train.updates(epoch) for part in update):
        if fit.precision.dtype is None:
            fit.model(batch.inputs, **batch.more)
        else:
            with fit.precision.autocast():
                fit.model(batch.inputs, **batch.more)
    for norm, momentum in zip(moving, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
