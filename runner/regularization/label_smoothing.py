"""Targets mixed with the uniform distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge, Le

from runner.engine.technique import Slot, Technique
from runner.regularization.targets.classes import number_of_classes

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.fit import Fit


def smooth_labels(targets: Tensor, num_classes: int, epsilon: float) -> Tensor:
    """Mix targets with the uniform distribution: ``(1 - epsilon) * onehot + epsilon / C``.

    Args:
        targets: class indices ``(N,)`` int64 or class probabilities ``(N, C)``.
        num_classes: C.
        epsilon: mass given to the uniform part, in [0, 1].

    Returns:
        Class probabilities ``(N, C)``, of torch's default type for indices; each row sums to 1.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7.
    """
    uniform = epsilon / num_classes
    if targets.is_floating_point():
        return targets * (1.0 - epsilon) + uniform
    smooth = torch.full((len(targets), num_classes), uniform, device=targets.device)
    return smooth.scatter_(1, targets[:, None], 1.0 - epsilon + uniform)


class LabelSmoothing(Technique):
    """Train on `smooth_labels`; scores are still computed on the hard ones.

    The training loss can no longer reach zero: its least value is the entropy of a smoothed target.

    Args:
        epsilon: mass given to the uniform part, in [0, 1].
    """

    slot: ClassVar[Slot] = Slot.TARGETS
    soft_targets: ClassVar[bool] = True

    def __init__(self, epsilon: Annotated[float, Ge(0), Le(1)] = 0.1) -> None:
        self.epsilon = epsilon

    def setup(self, fit: Fit) -> None:
        """Look up the number of classes.

        Raises:
            ConfigError: the data has no classes.
        """
        self.num_classes = number_of_classes(fit, self.name)

    def on_batch(self, batch: Batch) -> Batch:
        """Class probabilities ``(N, C)`` for targets."""
        return batch.changed(targets=smooth_labels(batch.targets, self.num_classes, self.epsilon))
