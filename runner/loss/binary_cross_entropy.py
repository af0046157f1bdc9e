"""Binary cross-entropy: one yes-or-no question for two classes, one per class for more."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn import functional as F

from runner.engine.loss import Loss
from runner.engine.spec import DataSpec
from runner.errors import ConfigError, counted
from runner.loss.weights import placed


class BinaryCrossEntropy(Loss):
    """Mean of ``-(w t log σ(z) + (1 - t) log(1 - σ(z)))`` over examples and logits z.

    With two classes the network has one logit, that of the second class. With more it has one per class, and each
    class is told from all others ("one against the rest"), which suits mixed and multiple labels.

    Args:
        spec: facts about the data.
        pos_weight: weight w of the positive part, above 0: one number, or with more than two classes one per class.
            None is 1.

    Raises:
        ConfigError: the number of weights is not the number of logits.

    Source: Wightman et al. 2021, "ResNet strikes back", section 2.2, for many classes.
    """

    tasks = frozenset({"classification"})
    soft_targets = True

    def __init__(
        self,
        spec: DataSpec,
        pos_weight: Annotated[float, Gt(0)] | tuple[Annotated[float, Gt(0)], ...] | None = None,
    ) -> None:
        self.two_classes = spec.num_classes == 2
        logits = self.num_outputs(spec)
        if isinstance(pos_weight, tuple) and len(pos_weight) != logits:
            raise ConfigError(
                f"loss.pos_weight has {counted(len(pos_weight), 'value')}, but the network has "
                f"{counted(logits, 'logit')} for {spec.num_classes} classes. Give one number"
                f"{'.' if logits == 1 else f', or {logits} of them.'}"
            )
        self.pos_weight = None if pos_weight is None else torch.tensor(pos_weight)

    @classmethod
    def num_outputs(cls, spec: DataSpec) -> int:
        """One logit for two classes, otherwise one per class."""
        return 1 if spec.num_classes == 2 else spec.num_outputs

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of logits ``(N, 1)`` or ``(N, C)`` for class indices ``(N,)`` or probabilities ``(N, C)``."""
        outputs = outputs if outputs.element_size() >= 4 else outputs.float()  # bf16 would round targets and weights
        if self.two_classes:
            targets = targets[:, 1:] if targets.ndim == 2 else targets.unsqueeze(1)
        elif targets.ndim == 1:
            targets = torch.zeros_like(outputs).scatter_(1, targets.unsqueeze(1), 1)
        if self.pos_weight is not None:
            self.pos_weight = placed(self.pos_weight, outputs)
        return F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype), pos_weight=self.pos_weight)

    def predict(self, outputs: Tensor) -> Tensor:
        """The more probable class ``(N,)``; with more than two, the one with the largest logit."""
        return (outputs.squeeze(1) > 0).long() if self.two_classes else outputs.argmax(1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Class probabilities ``(N, C)``; with more than two classes the C answers, scaled to the sum 1."""
        if self.two_classes:
            return torch.cat((-outputs, outputs), 1).sigmoid()
        return F.logsigmoid(outputs).softmax(1)  # σ(z) / Σ σ(z), also where every σ(z) rounds to 0

    def combine(self, outputs: Tensor) -> Tensor:
        """Logits ``(N, num_outputs)`` whose sigmoid is the mean of the members' sigmoids."""
        return F.logsigmoid(outputs.float()).logsumexp(0) - F.logsigmoid(-outputs.float()).logsumexp(0)
