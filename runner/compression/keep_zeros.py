"""Weights that were zero stay zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit


@torch.no_grad()
def keep_zeros_(weights: list[Tensor], masks: list[Tensor]) -> None:
    """``W <- W ⊙ M``, in place.

    Args:
        weights: of any shapes.
        masks: one each, of its shape and number format: 1 where a weight is kept, 0 where it stays zero.
    """
    torch._foreach_mul_(weights, masks)


class KeepZeros(Technique):
    """Weights of two or more dimensions that are zero before the first update are zero after every one.

    With ``init=checkpoint init.path=PRUNED`` this is the fine-tuning of a pruned network: the optimizer's momentum and
    its weight decay move nothing that was cut.

    Source: Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks", section 3.
    """

    slot: ClassVar[Slot] = Slot.BOUNDS
    moves_weights: ClassVar[bool] = True

    def setup(self, fit: Fit) -> None:
        """Find the zeros."""
        self.parameters = dict(fit.model.named_parameters())
        self.masks = {
            name: (p != 0).to(p.dtype) for name, p in self.parameters.items() if p.ndim >= 2 and bool((p == 0).any())
        }
        if not self.masks:
            fit.progress.message(
                "compression=keep_zeros: no weight of this network is zero, so there is none to keep. Start from a "
                "pruned one: init=checkpoint init.path=FOLDER, which `python -m runner prune` made."
            )

    def after_step(self) -> None:
        """Set the zeros back."""
        if self.masks:
            keep_zeros_([self.parameters[name] for name in self.masks], list(self.masks.values()))

    def state_dict(self) -> dict[str, Any]:
        """The masks."""
        return {"masks": self.masks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.masks = {name: mask.to(self.parameters[name].device) for name, mask in state["masks"].items()}
