"""Weights that were zero stay zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from runner.compression.masks.weights import prunable
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit
    from runner.engine.metric import Direction


@torch.no_grad()
def keep_zeros_(weights: list[Tensor], masks: list[Tensor]) -> None:
    """``W <- W ⊙ M``, in place.

    Args:
        weights: of any shapes.
        masks: one each, of its shape and number format: 1 where a weight is kept, 0 where it stays zero.
    """
    torch._foreach_mul_(weights, masks)


class KeepZeros(Technique):
    """Weights that are zero before the first update are zero after every one, and have gradients of zero.

    With ``init=checkpoint init.path=PRUNED`` this is the fine-tuning of a pruned network, which learns as one that
    never had the other weights: they count in no norm of gradients, no momentum and no decay. Looks at the weights that
    ``python -m runner prune`` cuts: those of dense, convolutional, recurrent and attention layers.

    Source: Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks", section 3.
    """

    slot: ClassVar[Slot] = Slot.BOUNDS
    moves_weights: ClassVar[bool] = True
    reports: ClassVar[dict[str, Direction]] = {"train/sparsity": "max"}

    def setup(self, fit: Fit) -> None:
        """Find the zeros."""
        self.fit = fit
        self.weights = prunable(fit.model)
        self.masks = {name: (p != 0).to(p.dtype) for name, p in self.weights.items() if bool((p == 0).any())}
        for name, p in self.weights.items():
            if p.requires_grad:  # those that are frozen now may thaw: then `after_step` alone keeps their zeros
                p.register_hook(self._masking(name))

    def _masking(self, name: str) -> Any:
        def masked(gradient: Tensor) -> Tensor | None:
            mask = self.masks.get(name)
            return None if mask is None else gradient * mask

        return masked

    def on_epoch_start(self, epoch: int) -> None:
        """Say so at the start of a run that has nothing to keep."""
        if epoch == 1 and not self.masks:
            self.fit.progress.message(
                "compression=keep_zeros: no weight of this network is zero, so there is none to keep. Start from a "
                "pruned one: init=checkpoint init.path=FOLDER, which `python -m runner prune` made."
            )

    def after_step(self) -> None:
        """Set the zeros back: an optimizer that mixes the entries of a matrix moves them without a gradient."""
        if self.masks:
            keep_zeros_([self.weights[name] for name in self.masks], list(self.masks.values()))

    def epoch_scores(self, scores: dict[str, float]) -> dict[str, float]:
        """``train/sparsity``: the share of the weights that is cut."""
        total = sum(p.numel() for p in self.weights.values())
        cut = sum(mask.numel() - int(mask.sum(dtype=torch.float64)) for mask in self.masks.values())
        return {"train/sparsity": cut / max(1, total)}

    def state_dict(self) -> dict[str, Any]:
        """The masks."""
        return {"masks": {name: mask.bool() for name, mask in self.masks.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.masks = {name: mask.to(self.weights[name]) for name, mask in state["masks"].items()}
