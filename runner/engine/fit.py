"""What exists while a network is trained, in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from runner.engine.meter import Meter
from runner.engine.monitor import Mode, Monitor, canonical, resolve_mode
from runner.engine.optimizer import Averaging
from runner.engine.progress import Progress
from runner.engine.ranks.base import Ranks
from runner.engine.state import TrainState, seed_for
from runner.engine.technique import acts_early, listeners

if TYPE_CHECKING:
    from torch import nn

    from runner.engine.batch import Batch
    from runner.engine.batches import Batches
    from runner.engine.interrupt import Interrupt
    from runner.engine.loss import Loss
    from runner.engine.metric import Direction
    from runner.engine.precision import Precision
    from runner.engine.schedule import LearningRate, Plan
    from runner.engine.settings import Trainer
    from runner.engine.spec import Spec
    from runner.engine.task import Task
    from runner.engine.teacher import Teacher
    from runner.engine.technique import Technique
    from runner.record.recorder import Recorder


def _made(scale: nn.Module, batch: Batch) -> Batch:
    return batch.changed(scale(batch.inputs))


@dataclass
class Best:
    """The best weights so far, kept in memory and written beside the last state.

    Attributes:
        monitor: the score that decides.
        weights: the network's state at the best epoch, on its device; None before the first score.
        scores: the scores of that epoch.
        position: where the run was after it.
        saved: whether ``best.pt`` holds them.
        top: score and number of the epochs that ``trainer.checkpoint.keep_top`` keeps, best first.
    """

    monitor: Monitor
    weights: dict[str, torch.Tensor] | None = None
    scores: dict[str, float] = field(default_factory=dict)
    position: dict[str, Any] = field(default_factory=dict)
    saved: bool = True
    top: list[tuple[float, int]] = field(default_factory=list)

    def update(self, model: nn.Module, scores: dict[str, float], state: TrainState) -> None:
        """Take the scores of the epoch that `state` is at the end of, and keep the weights when they are the best."""
        epoch = state.epoch + 1
        if self.monitor.name not in scores or not self.monitor.update(scores[self.monitor.name], epoch):
            return
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self.scores, self.saved = dict(scores), False
        self.position = {**state.position(), "epoch": epoch, "epoch_step": 0}


@dataclass
class Fit:
    """The parts of one training run. A technique looks at what it needs in its `setup`.

    Attributes:
        model: the network (never the compiled wrapper), on the device.
        network: what is called: `model`, or its compiled form.
        loss: the loss.
        optimizer: the optimizer; each group holds its own rate as ``initial_lr``.
        learning_rate: the schedule behind its warm-up.
        techniques: in the order in which they act.
        task: what is predicted; its `spec` has the facts about the data.
        plan: length of the run.
        settings: the ``trainer`` group.
        precision: number format.
        device: where the network and the batches are.
        state: position of the run.
        train: batches to learn from.
        val: batches to choose by.
        meter: losses and predictions of the current epoch.
        best: best weights so far.
        directions: every score the run reports (``"val/loss"``) and the direction in which it improves.
        recorder: writes what happened.
        interrupt: says whether the run was asked to stop.
        progress: hears what happened.
        val_meter: losses and predictions of the last evaluation.
        shows_targets: whether the network is given the targets of what it learns from, as the argument `targets`.
        about: what checkpoints say of the network besides its weights: configuration, spec, fitted transform, data.
        load_teacher: gives the network to learn from of a path, given for such a config key; None: there is none.
        ranks: the processes of the run.
    """

    model: nn.Module
    network: nn.Module
    loss: Loss
    optimizer: torch.optim.Optimizer
    learning_rate: LearningRate
    techniques: list[Technique]
    task: Task
    plan: Plan
    settings: Trainer
    precision: Precision
    device: torch.device
    state: TrainState
    train: Batches
    val: Batches
    meter: Meter
    best: Best
    directions: dict[str, Direction]
    recorder: Recorder
    interrupt: Interrupt
    progress: Progress
    about: dict[str, Any]
    shows_targets: bool = False
    load_teacher: Callable[[str, str], Teacher] | None = None
    ranks: Ranks = field(default_factory=Ranks)
    started: float = field(default_factory=time.perf_counter)
    val_meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.val_meter = Meter(self.task, self.meter.metrics, ranks=self.val.ranks)

    @property
    def spec(self) -> Spec:
        """Facts about the data."""
        return self.task.spec

    @property
    def log_every(self) -> int:
        """Updates from one log interval to the next: as set, and at least one interval in every epoch."""
        return min(self.settings.log_every, self.train.updates_per_epoch)

    def step_seed(self) -> int:
        """What the forward pass of the next update draws from: on every rank something else."""
        seed = self.state.step_seed()
        return seed if self.ranks.main else seed_for(seed, "rank", self.ranks.rank)

    def position(self) -> int:
        """Where the run is on its plan: the updates so far, or as many as it were with the first batch size."""
        if not self.train.growing:
            return self.state.step
        return self.state.epoch * self.plan.updates_per_epoch + self.state.epoch_step * self.train.growth

    def changes(self, techniques: Sequence[Technique]) -> list[Callable[[Batch], Batch]]:
        """What happens, one after the other, to a training batch as it is kept (`Batches.updates`).

        Args:
            techniques: those that act; whatever they are, inputs are made of what is kept.
        """
        early = [t for t in techniques if self.train.scale is not None and acts_early(t, self.spec.inputs)]
        late = [t for t in techniques if t not in early]
        scale = [] if self.train.scale is None else [partial(_made, self.train.scale)]
        return [*listeners(early, "on_batch"), *scale, *listeners(late, "on_batch")]

    def train_also(self, name: str, parameters: Mapping[str, nn.Parameter]) -> None:
        """Let the optimizer train parameters that a technique brings with it, as those of the network are.

        To be called in a technique's `setup`: so the optimizer's state of them is in the checkpoints. They themselves
        belong into the technique's `state_dict`.

        Args:
            name: of the group that they form behind the others, with the optimizer's own settings.
            parameters: by name.
        """
        rate, named = self.optimizer.defaults["lr"], "param_names" in self.optimizer.param_groups[0]
        group = list(parameters.items()) if named else list(parameters.values())
        self.optimizer.add_param_group({"params": group, "name": name, "lr": rate, "initial_lr": rate})

    def samples(self) -> int:
        """Training examples seen so far; the last update of an epoch may have fewer than the others."""
        return self.state.samples + min(self.state.epoch_step * self.train.per_update, self.train.whole)

    def seconds(self) -> float:
        """Seconds spent on the run so far, over all its sessions."""
        return self.state.seconds + time.perf_counter() - self.started

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The network as it is evaluated, tested and kept: with averaged weights in place, where there are some."""
        with ExitStack() as stack:
            if isinstance(self.optimizer, Averaging):
                stack.enter_context(self.optimizer.evaluating())
            for around in listeners(self.techniques, "around_evaluation"):
                stack.enter_context(around())
            yield

    def monitor(self, name: str, mode: Mode = "auto", min_delta: float = 0.0, key: str = "monitor") -> Monitor:
        """A `Monitor` of the score `name`; `key` is the config key that named it, for the message.

        Raises:
            ConfigError: the run reports no such score.
        """
        name = canonical(name)
        return Monitor(name, resolve_mode(name, mode, self.directions, key), min_delta)
