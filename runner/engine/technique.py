"""The base of every technique: named events of the loop that a class may listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from runner.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from runner.engine.batch import Batch
    from runner.engine.data import Data
    from runner.engine.fit import Fit
    from runner.engine.interrupt import Interrupt
    from runner.engine.metric import Direction
    from runner.engine.progress import Progress
    from runner.engine.spec import Field, Kind


class Slot(IntEnum):
    """Where in a step a technique acts. Slots fix the order in which techniques are applied, not the order typed."""

    MODEL = 0  # changes how the model is built
    GEOMETRY = 10  # moves pixels, or tokens of texts
    COLOUR = 20  # changes their values
    ERASE = 25  # blanks out some of them
    NOISE = 30  # adds noise
    MIX = 40  # mixes examples
    TARGETS = 50  # changes targets
    PENALTY = 60  # adds to the loss
    GRADIENTS = 70  # changes gradients
    BOUNDS = 75  # keeps updated weights within bounds
    WEIGHTS = 80  # changes weights after the update
    AVERAGE = 85  # averages or keeps them
    MASKS = 87  # cuts weights, also out of averages
    EPOCH = 90  # looks at the scores of an epoch


class Technique:
    """Something that changes how a network is trained: a callback, in the words of other libraries.

    Its methods ``on_...``, ``before_...``, ``after_...``, ``around_...`` are called by the loop at the moments that
    their names say (`EVENTS`). A subclass overrides those it needs; the others are never called and cost nothing.
    Settings are arguments of ``__init__``; what depends on the run is looked up in `setup`.

    Attributes:
        slot: fixes the order among techniques.
        reports: names and directions of what `epoch_scores` gives, so that they can be monitored.
        conflicts: names of techniques (as typed in the config) that it can't be combined with, each with the reason.
        soft_targets: whether it turns class indices into probabilities, so that the loss must take them.
        moves_weights: whether it changes weights after the update, of which an optimizer's own average would not know.
        takes: kinds of inputs that it can be used with; None: any. One that takes what inputs are made of
            (`Field.made_of`) is given that instead.
        whole_words: whether tokens must be whole words.
        not_for: names of tasks that it can't be used for, each with the reason.
        not_under: names of strategies (``ddp``, ``fsdp``) that it can't be used under, each with the reason.
        model_arguments: names of the model's arguments that it sets, each with the name of its own attribute.
        restore_best_weights: whether the run may end with its best weights; False: with its last.
        not_saved: names of own attributes that change in training and need not be in `state_dict`: clocks, and what is
            worked out anew.
    """

    slot: ClassVar[Slot]
    reports: ClassVar[dict[str, Direction]] = {}
    conflicts: ClassVar[dict[str, str]] = {}
    soft_targets: ClassVar[bool] = False
    moves_weights: ClassVar[bool] = False
    takes: ClassVar[tuple[Kind, ...] | None] = None
    whole_words: ClassVar[bool] = False
    not_for: ClassVar[dict[str, str]] = {}
    not_under: ClassVar[dict[str, str]] = {}
    model_arguments: ClassVar[dict[str, str]] = {}
    restore_best_weights: bool = True
    not_saved: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """The name that is typed: the name of its file."""
        return type(self).__module__.rpartition(".")[2]

    def on_data(self, data: Data, device: torch.device, progress: Progress, interrupt: Interrupt) -> Data:
        """Change the training part, once before anything else is built.

        Args:
            data: loaded, cleaned and balanced.
            device: of the run.
            progress: hears of what takes long.
            interrupt: says whether the run was asked to stop.

        Returns:
            Data whose validation and test parts, spec and number of examples are the same.
        """
        raise NotImplementedError

    def setup(self, fit: Fit) -> None:
        """Called once before the first step, when model, optimizer and plan exist."""

    def on_epoch_start(self, epoch: int) -> None:
        """`epoch` (from 1) begins, or goes on after a resume."""
        raise NotImplementedError

    def on_batch(self, batch: Batch) -> Batch:
        """Change a training micro-batch on the device. The loss sees its targets; metrics keep the hard ones.

        Returns:
            The same batch, or another made of it (`Batch.changed`): the one given is never written into.
        """
        raise NotImplementedError

    def output_penalty(self, outputs: Tensor, batch: Batch) -> Tensor:
        """A term (no dimensions) added to the loss of a micro-batch, from what the network gave for it.

        Args:
            outputs: raw outputs, one row per row of the inputs that the network saw; techniques that repeat inputs in
                `on_batch` put the repetitions behind the batch itself.
            batch: what the network and the loss saw.
        """
        raise NotImplementedError

    def penalty(self) -> Tensor:
        """A term (no dimensions) added to the loss, once per update."""
        raise NotImplementedError

    def around_gradients(self, gradients: Callable[[], Any]) -> Any:
        """Compute the gradients of an update by calling `gradients` (once or more) and return its last result."""
        raise NotImplementedError

    def before_step(self) -> None:
        """Gradients are complete, unscaled and clipped; the optimizer steps next."""
        raise NotImplementedError

    def after_step(self) -> None:
        """The weights were updated, or left as they were where gradients were not finite."""
        raise NotImplementedError

    def on_interval(self, step: int) -> dict[str, Tensor | float]:
        """More scores for TensorBoard, at a log interval; the gradients of update `step` are still there.

        Everything that is returned is read from the device at once, after all techniques were asked.
        """
        raise NotImplementedError

    def around_evaluation(self) -> AbstractContextManager[None]:
        """A context in which the network is evaluated, tested and kept as the best (averaged weights in place)."""
        raise NotImplementedError

    def also_evaluate(self, split: str) -> dict[str, nn.Module]:
        """Other networks to be scored on `split` (``val`` or ``test``) beside the run's own, by name.

        Their scores carry the name in front: ``val/ensemble_accuracy``.
        """
        raise NotImplementedError

    def epoch_scores(self, scores: dict[str, float]) -> dict[str, float]:
        """More scores of the epoch that just ended, from those so far; they can be monitored and are recorded."""
        raise NotImplementedError

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> str | None:
        """Hear the scores of `epoch` (from 1), such as ``{"train/loss": .., "val/loss": ..}``.

        Returns:
            A reason to stop the run here, in words, or None.
        """
        raise NotImplementedError

    def advice(self) -> list[str]:
        """What the user should hear at the end of the run, a sentence each; empty when nothing was noticed."""
        return []

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


# The methods of `Technique` that the loop calls only where a subclass overrides them.
EVENTS = (
    "on_data",
    "on_epoch_start",
    "on_batch",
    "output_penalty",
    "penalty",
    "around_gradients",
    "before_step",
    "after_step",
    "on_interval",
    "around_evaluation",
    "also_evaluate",
    "epoch_scores",
    "on_epoch_end",
)


def acts_early(technique: Technique, inputs: Field | None) -> bool:
    """Whether a technique changes what inputs are made of: it says that it takes such."""
    return inputs is not None and inputs.made_of is not None and inputs.made_of in (technique.takes or ())


def in_order(techniques: Iterable[Technique]) -> list[Technique]:
    """Techniques sorted by slot, then name.

    Raises:
        ConfigError: two of them exclude each other.
    """
    ordered = sorted(techniques, key=lambda t: (t.slot, t.name))
    names = {t.name for t in ordered}
    for technique in ordered:
        for other, reason in technique.conflicts.items():
            if other in names:
                raise ConfigError(f"{technique.name} can't be combined with {other}: {reason}. Leave one of them out.")
    return ordered


def listeners(techniques: Iterable[Technique], event: str) -> list[Callable[..., Any]]:
    """The bound methods of those techniques that override `event`, in order."""
    return [getattr(t, event) for t in techniques if getattr(type(t), event) is not getattr(Technique, event)]
