"""A penalty on networks that are too sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from runner.engine.technique import Slot, Technique
from runner.regularization.targets.classes import number_of_classes
from runner.regularization.targets.probabilities import with_logs

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.fit import Fit
    from runner.engine.task import Task


def entropy(task: Task, outputs: Tensor) -> Tensor:
    """Mean entropy ``-Σ_c p_c log p_c`` of the predicted classes, in nats.

    Args:
        task: says how outputs become probabilities.
        outputs: raw outputs ``(N, num_outputs)``.

    Returns:
        A tensor of no dimensions, in [0, log C].
    """
    probabilities, logs = with_logs(task, outputs)
    return -(probabilities * logs).sum(1).mean()


class ConfidencePenalty(Technique):
    """Subtract `beta` times the `entropy` of the predictions from the loss.

    Like label smoothing it keeps the network from putting all probability on one class, but it lets the network decide
    which others are likely. The recorded training loss is that without this term.

    Args:
        beta: weight of the entropy, at least 0; the paper takes 0.1 for images and 1 to 2 for language.

    Source: Pereyra et al. 2017, "Regularizing Neural Networks by Penalizing Confident Output Distributions",
    section 3.1.
    """

    slot: ClassVar[Slot] = Slot.PENALTY

    def __init__(self, beta: Annotated[float, Ge(0)] = 0.1) -> None:
        self.beta = beta

    def setup(self, fit: Fit) -> None:
        """Look up the task.

        Raises:
            ConfigError: the data has no classes.
        """
        number_of_classes(fit, self.name)
        self.task = fit.task

    def output_penalty(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The term, a tensor of no dimensions, at most 0."""
        return -self.beta * entropy(self.task, outputs)
