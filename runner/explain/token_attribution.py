"""Which tokens speak for the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from captum import attr
from torch import nn

from runner.engine.spec import UNKNOWN
from runner.explain.base import Attribution
from runner.explain.integrated_gradients import integrated

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case, Explained


class TokenAttribution(Attribution):
    """Integrated gradients from the embeddings of unknown tokens to those of the text, summed over each embedding.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", section 6.3; captum's
    LayerIntegratedGradients on the network's first embedding.
    """

    kinds = ("tokens",)
    gradient = True
    complete = True
    instead = "there are no tokens in it"

    @classmethod
    def refusal(cls, explained: Explained) -> str | None:
        """See `Method.refusal`."""
        if explained.kind == "tokens" and not any(isinstance(m, nn.Embedding) for m in explained.model.modules()):
            return f"{type(explained.model).__name__} has no torch.nn.Embedding, whose numbers stand for the tokens."
        return super().refusal(explained)

    def baseline(self) -> str:
        """See `Attribution.baseline`."""
        return "as many unknown tokens"

    def attribute(self, case: Case) -> tuple[Tensor, float]:
        """See `Attribution.attribute`."""
        embedding = next(m for m in self.explained.model.modules() if isinstance(m, nn.Embedding))
        method = attr.LayerIntegratedGradients(self.explained.forward, embedding)
        shares, start = integrated(method, self.explained, case, torch.full_like(case.inputs, UNKNOWN))
        return shares.sum(-1), start
