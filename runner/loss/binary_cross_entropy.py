"""Binary cross-entropy: one yes-or-no question for two classes, one per class for more."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.spec import Spec
from runner.errors import ConfigError, counted
from runner.loss.weights.classes import placed


class BinaryCrossEntropy(Loss):
    """Mean of ``-(w t log σ(z) + (1 - t) log(1 - σ(z)))`` over examples and logits z.

    With two classes the network has one logit, that of the second class. With more it has one per class, and each
    class is told from all others ("one against the rest"), which suits mixed labels. Where any number of labels may
    hold, each has its logit.

    Args:
        spec: facts about the data.
        pos_weight: weight w of the positive part, above 0: one number, or with more than two classes one per class.
            None is 1.

    Raises:
        ConfigError: the number of weights is not the number of logits.

    Source: Wightman et al. 2021, "ResNet strikes back", section 2.2, for many classes.
    """

    tasks = frozenset({"classification", "multilabel", "nodes"})
    link = "sigmoid"
    soft_targets = True

    def __init__(
        self,
        spec: Spec,
        pos_weight: Annotated[float, Gt(0)] | tuple[Annotated[float, Gt(0)], ...] | None = None,
    ) -> None:
        self.two_classes = _two_classes(spec)
        logits = self.num_outputs(spec)
        if isinstance(pos_weight, tuple) and len(pos_weight) != logits:
            raise ConfigError(
                f"loss.pos_weight has {counted(len(pos_weight), 'value')}, but the network has "
                f"{counted(logits, 'logit')} for {spec.num_classes} classes. Give one number"
                f"{'.' if logits == 1 else f', or {logits} of them.'}"
            )
        self.pos_weight = None if pos_weight is None else torch.tensor(pos_weight)

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """One logit for two classes, otherwise one per class."""
        return 1 if _two_classes(spec) else spec.num_outputs

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of logits ``(N, 1)`` or ``(N, C)`` for classes ``(N,)``, or probabilities or labels ``(N, C)``."""
        targets = batch.targets
        outputs = outputs if outputs.element_size() >= 4 else outputs.float()  # bf16 would round targets and weights
        if self.two_classes:
            targets = targets[:, 1:] if targets.ndim == 2 else targets.unsqueeze(1)
        elif targets.ndim == 1:
            targets = torch.zeros_like(outputs).scatter_(1, targets.unsqueeze(1), 1)
        if self.pos_weight is not None:
            self.pos_weight = placed(self.pos_weight, outputs)
        return F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype), pos_weight=self.pos_weight)


def _two_classes(spec: Spec) -> bool:
    return spec.num_classes == 2 and spec.targets is not None and spec.targets.kind == "class"
