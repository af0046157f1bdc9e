"""The base of all losses: what is minimized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.spec import Spec
from runner.engine.task import Link

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.teacher import Teacher


class Loss:
    """Mean loss of a batch, from raw outputs of the network.

    Networks always end in a linear layer; a loss that speaks of probabilities takes logits. Subclasses live one per
    file in ``runner/loss``; their ``__init__`` may take ``spec`` (supplied by the program) and settings.

    Attributes:
        tasks: tasks it fits; None: any.
        link: what it takes the network's outputs for; None leaves that to the task.
        soft_targets: whether class probabilities ``(N, C)`` are taken as well as class indices ``(N,)``.
        levels: quantiles that it asks of each value, ascending; empty: one number of each. The network gives them one
            behind the other.
        weighs: whether `units` depends on the targets, so that it is asked of those that the loss sees.
        not_saved: names of own attributes that change in training and need not be in `state_dict`.
        teacher: trained networks that it asks for every batch that is learnt from; None: it asks none.
    """

    tasks: ClassVar[frozenset[str] | None] = None
    link: Link | None = None
    soft_targets: ClassVar[bool] = False
    levels: tuple[float, ...] = ()
    weighs: bool = False
    not_saved: ClassVar[tuple[str, ...]] = ()
    teacher: Teacher | None = None

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """Width of the network's last layer that this loss needs for this data; that of the task unless overridden."""
        return spec.num_outputs

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Look, before any data are loaded, whether what the settings name is there. For new runs only.

        Args:
            settings: the arguments from the config.

        Raises:
            ConfigError: it is not.
        """

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean over the batch's units, a tensor of no dimensions.

        Args:
            outputs: raw outputs of the network ``(N, num_outputs)``.
            batch: what the network saw. Its targets may be soft (probabilities ``(N, C)``) where `soft_targets` is set.
        """
        raise NotImplementedError

    def evaluate(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss that is reported of data not learnt from: the same, unless a part of it belongs to training."""
        return self(outputs, batch)

    def by_example(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss that is reported of each example alone ``(N,)``.

        One by one unless overridden, some 20 µs each: for looking at examples, never in a step.
        """
        import torch

        each = [self.evaluate(outputs[i : i + 1], batch.only(i)) for i in range(batch.examples)]
        return torch.stack(each)

    def units(self, batch: Batch) -> int | Tensor:
        """What the mean over `batch` is taken over: an update's loss is the mean over the units of all its parts."""
        return batch.units

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
