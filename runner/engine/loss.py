"""The base of all losses: what is minimized, and how the network's outputs become predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.spec import DataSpec, Task

if TYPE_CHECKING:
    from torch import Tensor


class Loss:
    """Mean loss of a batch, from raw outputs of the network.

    Networks always end in a linear layer; a loss that speaks of probabilities takes logits. Subclasses live one per
    file in ``runner/loss``; their ``__init__`` may take ``spec`` (supplied by the program) and settings.

    Attributes:
        tasks: tasks it fits.
        soft_targets: whether class probabilities ``(N, C)`` are taken as well as class indices ``(N,)``.
        not_saved: names of own attributes that may change in training; a loss has no state in checkpoints.
    """

    tasks: ClassVar[frozenset[Task]]
    soft_targets: ClassVar[bool] = False
    not_saved: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def num_outputs(cls, spec: DataSpec) -> int:
        """Width of the network's last layer that this loss needs for this data."""
        return spec.num_outputs

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Look, before any data are loaded, whether what the settings name is there. For new runs only.

        Args:
            settings: the arguments from the config.

        Raises:
            ConfigError: it is not.
        """

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean over the batch, a tensor of no dimensions.

        Args:
            outputs: raw outputs of the network ``(N, num_outputs)``.
            targets: class indices ``(N,)`` int64 or probabilities ``(N, C)``; values ``(N, targets)`` for regression.
        """
        raise NotImplementedError

    def on_batch(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See a training micro-batch just before the network does; for losses that need the inputs.

        Not called in evaluation, nor for losses that do not override it.
        """
        raise NotImplementedError

    def predict(self, outputs: Tensor) -> Tensor:
        """Hard predictions: class indices ``(N,)`` for classification, values ``(N, targets)`` for regression."""
        raise NotImplementedError

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Class probabilities ``(N, C)``, for classification only."""
        raise NotImplementedError

    def combine(self, outputs: Tensor) -> Tensor:
        """Raw outputs of an ensemble, from those of its members: probabilities are averaged, for regression values.

        The default reads outputs as logits of a softmax for classification.

        Args:
            outputs: ``(members, N, num_outputs)``.

        Returns:
            ``(N, num_outputs)``, at least float32.
        """
        outputs = outputs if outputs.element_size() >= 4 else outputs.float()
        if "regression" in self.tasks:
            return outputs.mean(0)
        return outputs.log_softmax(-1).logsumexp(0)  # a constant on all logits changes nothing
