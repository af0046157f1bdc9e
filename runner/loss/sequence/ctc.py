"""Connectionist temporal classification: sequences of labels without alignment."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn import functional as F


class CTC:
    """Mean over the batch of ``-log Σ_paths Π_t p_t(path_t)``, over all paths that collapse to the target.

    A path collapses by dropping repetitions, then blanks. Each sequence's loss is divided by the length of its target,
    as torch's ``reduction="mean"`` does; a target that is longer than its outputs allow counts 0.

    Args:
        blank: index of the blank class, at least 0.
        padding: value in the targets that fills up shorter ones.

    Source: Graves et al. 2006, "Connectionist Temporal Classification", equations 8 and 12.
    """

    def __init__(self, blank: Annotated[int, Ge(0)] = 0, padding: int = -1) -> None:
        self.blank, self.padding = blank, padding

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of logits ``(N, T, C)`` for labels ``(N, S)`` int64, filled up at their ends."""
        lengths = (targets != self.padding).sum(1)
        steps = torch.full_like(lengths, outputs.shape[1])
        logs = outputs.float().log_softmax(2).transpose(0, 1)
        filled = targets.masked_fill(targets == self.padding, self.blank)
        return F.ctc_loss(logs, filled, steps, lengths, self.blank, zero_infinity=True)

    def predict(self, outputs: Tensor) -> Tensor:
        """The labels of the best path ``(N, T)``: repetitions, then blanks dropped, and filled up with the padding."""
        best = outputs.argmax(2)
        kept = best != self.blank
        kept[:, 1:] &= best[:, 1:] != best[:, :-1]
        labels = best.masked_fill(~kept, self.padding)
        order = kept.long().argsort(dim=1, descending=True, stable=True)
        return labels.gather(1, order)
