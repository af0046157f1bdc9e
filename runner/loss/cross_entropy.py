"""Cross-entropy over classes, or over a vocabulary at every step."""

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
from runner.loss.weights.classes import Normalize, balanced_weights, placed, weight_of


class CrossEntropy(Loss):
    """Mean of ``-w_y log softmax(outputs)_y`` over the batch; for class probabilities t ``-Σ_c w_c t_c log softmax_c``.

    Of masks the mean is over the pixels that are not `IGNORED`.

    Of sequences the mean over all tokens of the batch together, but for padding.

    By default the weighted sum is divided by the number of examples: a batch of rare classes, which have large weights,
    pulls more than one of common classes. ``normalize=weights`` divides by the sum of the examples' weights
    (`weight_of`), as ``torch.nn.CrossEntropyLoss`` does for class indices: every batch pulls alike, and multiplying all
    weights by a number changes nothing. With ``weight=balanced`` the two agree on the whole training split.

    Args:
        spec: facts about the data.
        weight: one weight per class, each at least 0; ``"balanced"`` takes `balanced_weights` of the training split;
            None weighs all classes alike.
        normalize: what the weighted sum is divided by: the number of ``examples``, or the sum of their ``weights``.

    Raises:
        ConfigError: the number of weights is not the number of classes, or the classes can't be balanced because one
            has no training example; or the targets are tokens, which have no weights.
    """

    tasks = frozenset({"classification", "masked", "nodes", "segmentation", "sequence", "tagging", "tokens"})
    soft_targets = True

    def __init__(
        self,
        spec: Spec,
        weight: tuple[Annotated[float, Ge(0)], ...] | Literal["balanced"] | None = None,
        normalize: Normalize = "examples",
    ) -> None:
        self.at_every_step = spec.targets is not None and spec.targets.kind in ("tokens", "tags")
        if self.at_every_step and weight is not None:
            assert spec.targets is not None
            raise ConfigError(
                f"loss.weight: weighs classes, and the targets of these data are {spec.targets.kind}. Leave it out."
            )
        if weight == "balanced":
            weight = balanced_weights(_counts(spec))
        if weight is not None and len(weight) != spec.num_classes:
            raise ConfigError(
                f"loss.weight has {counted(len(weight), 'value')}, but the data have {spec.num_classes} classes. "
                "Give one weight per class, in their order, or loss.weight=balanced."
            )
        self.weight = None if weight is None else torch.tensor(weight)
        self.normalize = normalize
        masks = spec.targets is not None and spec.targets.kind == "mask"
        self.weighs = masks or (weight is not None and normalize == "weights")

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of logits ``(N, C)`` for class indices ``(N,)`` or probabilities ``(N, C)``.

        Of logits ``(N, steps, C)`` for tokens ``(N, steps)``, and ``(N, C, H, W)`` for masks ``(N, H, W)``, where
        `IGNORED` ones count for nothing.
        """
        targets = batch.targets
        if self.at_every_step:
            return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())  # which ignores what is IGNORED
        if self.weight is None and not self.weighs:
            return F.cross_entropy(outputs, targets)
        outputs = outputs if outputs.element_size() >= 4 else outputs.float()  # bf16 would round weights and long sums
        self.weight = None if self.weight is None else placed(self.weight, outputs)
        return F.cross_entropy(outputs, targets, self.weight, reduction="sum") / self.units(batch)

    def by_example(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `Loss.by_example`; at once where classes are told and all weigh alike."""
        if self.at_every_step or self.weighs or self.weight is not None:
            return super().by_example(outputs, batch)
        return F.cross_entropy(outputs, batch.targets, reduction="none")

    def units(self, batch: Batch) -> int | Tensor:
        """What the mean is over: examples or pixels, or the sum of their weights (a tensor, not read), above 0."""
        if not self.weighs:
            return batch.units
        targets = batch.targets
        if targets.ndim < 3:
            assert self.weight is not None
            weights = weight_of(targets, self.weight.to(targets.device))
        else:
            weights = (targets != IGNORED).float()
            if self.weight is not None and self.normalize == "weights":
                weights = weights * self.weight.to(targets.device)[targets.clamp(min=0)]
        return weights.sum().clamp(min=torch.finfo(torch.float32).tiny)


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
