"""Cross-entropy over classes."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.spec import IGNORED, Spec
from runner.errors import ConfigError, counted
from runner.loss.weights import balanced_weights, placed


class CrossEntropy(Loss):
    """Mean of ``-w_y log softmax(outputs)_y`` over the batch; for class probabilities t ``-Σ_c w_c t_c log softmax_c``.

    Of masks the mean is over the pixels that are not `IGNORED`.

    The weighted sum is divided by the number of examples (or pixels), not by the sum of their weights as in
    ``torch.nn.CrossEntropyLoss``: so micro-batches, which are averaged by their number of examples, add up to exactly
    the loss of the whole batch.

    Args:
        spec: facts about the data.
        weight: one weight per class, each at least 0; ``"balanced"`` takes `balanced_weights` of the training split;
            None weighs all classes alike.

    Raises:
        ConfigError: the number of weights is not the number of classes, or the classes can't be balanced because one
            has no training example.
    """

    tasks = frozenset({"classification", "segmentation"})
    soft_targets = True

    def __init__(
        self,
        spec: Spec,
        weight: tuple[Annotated[float, Ge(0)], ...] | Literal["balanced"] | None = None,
    ) -> None:
        if weight == "balanced":
            weight = balanced_weights(_counts(spec))
        if weight is not None and len(weight) != spec.num_classes:
            raise ConfigError(
                f"loss.weight has {counted(len(weight), 'value')}, but the data have {spec.num_classes} classes. "
                "Give one weight per class, in their order, or loss.weight=balanced."
            )
        self.weight = None if weight is None else torch.tensor(weight)

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of logits ``(N, C)`` for class indices ``(N,)`` or probabilities ``(N, C)``.

        Of masks, of logits ``(N, C, H, W)`` for class indices ``(N, H, W)``.
        """
        targets = batch.targets
        if targets.ndim > 2:
            outputs = outputs if outputs.element_size() >= 4 else outputs.float()  # bf16 can't sum so many terms
            self.weight = None if self.weight is None else placed(self.weight, outputs)
            total = F.cross_entropy(outputs, targets, self.weight, ignore_index=IGNORED, reduction="sum")
            return total / pixels_that_count(targets).clamp(min=1)
        if self.weight is None:
            return F.cross_entropy(outputs, targets)
        outputs = outputs if outputs.element_size() >= 4 else outputs.float()  # bf16 would round the weights
        self.weight = placed(self.weight, outputs)
        return F.cross_entropy(outputs, targets, self.weight, reduction="sum") / len(targets)

    def units(self, batch: Batch) -> int | Tensor:
        """See `Loss.units`: of masks the pixels that are not `IGNORED`."""
        return batch.units if batch.targets.ndim < 3 else pixels_that_count(batch.targets)


def pixels_that_count(targets: Tensor) -> Tensor:
    """How many targets are not `IGNORED`, not read from the device."""
    return (targets != IGNORED).sum()


def _counts(spec: Spec) -> tuple[int, ...]:
    for index, count in enumerate(spec.class_counts):
        if count == 0:
            name = spec.class_names[index] if spec.class_names else index
            raise ConfigError(
                f"loss.weight=balanced: class {name!r} has no example in the training split. Give the weights yourself "
                "(loss.weight=[..]), a larger data.fraction, or leave the class out."
            )
    if not spec.class_counts:
        raise ConfigError("loss.weight=balanced: the data don't tell how many examples each class has. Give them.")
    return spec.class_counts
