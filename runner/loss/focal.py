"""Focal loss: cross-entropy in which well-classified examples count little."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.spec import IGNORED, Spec
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.weights.classes import Normalize, placed


class Focal(CrossEntropy):
    """Mean of ``-w_y (1 - p_y)^γ log p_y`` over the batch, p the softmax of the outputs.

    For class probabilities t ``-Σ_c t_c w_c (1 - p_c)^γ log p_c``. Divided by the number of examples or by the sum of
    their weights, as `CrossEntropy` is, which γ = 0 gives.

    Args:
        spec: facts about the data.
        gamma: γ, at least 0: an example with p = 0.9 counts ``10^-γ`` times as much as by cross-entropy.
        weight: one weight per class, each at least 0 (α in the source); ``"balanced"`` weighs by inverse frequency in
            the training split; None weighs all classes alike.
        normalize: what the weighted sum is divided by: the number of ``examples``, or the sum of their ``weights``.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 5, for any number of classes.
    """

    tasks = frozenset({"classification", "nodes", "segmentation"})

    def __init__(
        self,
        spec: Spec,
        gamma: Annotated[float, Ge(0)] = 2.0,
        weight: tuple[Annotated[float, Ge(0)], ...] | Literal["balanced"] | None = None,
        normalize: Normalize = "examples",
    ) -> None:
        super().__init__(spec, weight, normalize)
        self.gamma = gamma

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss, as of `CrossEntropy`."""
        targets = batch.targets
        logs = outputs.float().log_softmax(1) if outputs.element_size() < 4 else outputs.log_softmax(1)
        terms = -((-logs.expm1()).clamp(min=1e-12) ** self.gamma) * logs  # 1 - p without cancellation; its power's
        if self.weight is not None:  # slope at exactly 0 would be infinite for γ < 1
            self.weight = placed(self.weight, terms)
            terms = terms * self.weight.view(-1, *(1,) * (terms.ndim - 2))
        if targets.ndim > 2:
            own = terms.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
            return own.where(targets != IGNORED, 0.0).sum() / self.units(batch)
        if targets.ndim == 1:
            return terms.gather(1, targets.unsqueeze(1)).sum() / self.units(batch)
        return (targets * terms).sum() / self.units(batch)
