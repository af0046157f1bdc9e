"""Agreement between two passes with different dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge

from runner.engine.batch import Batch
from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique
from runner.model.layers.dropout import drops
from runner.regularization.targets.classes import number_of_classes
from runner.regularization.targets.probabilities import with_logs

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit
    from runner.engine.task import Task


def symmetric_divergence(task: Task, first: Tensor, second: Tensor) -> Tensor:
    """Mean over the batch of ``½ (KL(p‖q) + KL(q‖p))``, in nats.

    Args:
        task: says how outputs become probabilities.
        first: raw outputs ``(N, num_outputs)`` whose class probabilities are p.
        second: raw outputs of the same shape; q.

    Returns:
        A tensor of no dimensions, at least 0.
    """
    (p, log_p), (q, log_q) = with_logs(task, first), with_logs(task, second)
    return 0.5 * ((p - q) * (log_p - log_q)).sum(1).mean()


class RDrop(Technique):
    """Pass every training batch through the network twice, and pull the two predictions together.

    The loss is the mean over both passes plus ``alpha / 2`` times their `symmetric_divergence`: half of the paper's sum
    over both passes, so `alpha` means what it means there and the loss keeps its usual size. The two passes differ by
    what the network draws (dropout, stochastic depth), and a network that draws nothing gains nothing. A step takes
    about twice the time.

    Args:
        alpha: weight of the divergence, at least 0; the paper takes 0.1 to 5, 0.6 for fine-tuning on images.

    Source: Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", equations 2 to 4.
    """

    slot: ClassVar[Slot] = Slot.PENALTY
    takes: ClassVar[tuple[Kind, ...]] = ("table", "series", "image", "tokens")  # a graph is not repeated by example

    def __init__(self, alpha: Annotated[float, Ge(0)] = 1.0) -> None:
        self.alpha = alpha

    def setup(self, fit: Fit) -> None:
        """Look up the loss, and whether the network draws anything.

        Raises:
            ConfigError: the data has no classes.
        """
        number_of_classes(fit, self.name)
        self.task = fit.task
        if not any(drops(module) for module in fit.model.modules()):
            fit.progress.message(
                "regularization=rdrop: this network drops nothing while it is trained, so both passes agree and the "
                "time of the second is wasted. Add dropout, as in regularization=[dropout,rdrop]."
            )

    def on_batch(self, batch: Batch) -> Batch:
        """The batch and its repetition behind it: inputs ``(2 N, ...)`` and targets."""
        more = {name: torch.cat((tensor, tensor)) for name, tensor in batch.more.items()}
        inputs, targets = (torch.cat((tensor, tensor)) for tensor in (batch.inputs, batch.targets))
        return Batch(inputs, targets, more, batch.examples, 2 * batch.units)

    def output_penalty(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The term, a tensor of no dimensions, at least 0."""
        return 0.5 * self.alpha * symmetric_divergence(self.task, *outputs.chunk(2))
