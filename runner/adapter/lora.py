"""Low-rank adaptation."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from runner.adapter.base import Adapter
from runner.model.layers.dropout import DropoutRate


def low_rank(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """The weight with what was learned: ``W + α/r B A``.

    Args:
        weight: ``(out, in)``.
        a: ``(r, in)``.
        b: ``(out, r)``.
        alpha: α.

    Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", equation 3.
    """
    return torch.add(weight, b @ a, alpha=alpha / len(a))


class LoRA(Adapter):
    """Low-rank adaptation: ``W + α/r B A``, of which only A and B are trained; B is zero at first.

    Args:
        rank: r, at least 1.
        alpha: α, above 0: α/r is what the product counts.
        dropout: probability of dropping a number of what goes through A, in [0, 1).
        dora: train the length of each row of the weight apart from its direction (Liu et al. 2024, "DoRA").
        layers: see `Adapter`.
        merge: see `Adapter`.

    Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
    """

    def __init__(
        self,
        rank: Annotated[int, Ge(1)] = 8,
        alpha: Annotated[float, Gt(0)] = 16.0,
        dropout: DropoutRate = 0.0,
        dora: bool = False,
        layers: tuple[str, ...] | None = None,
        merge: bool = False,
    ) -> None:
        super().__init__(layers, merge)
        self.rank, self.alpha, self.dropout, self.dora = rank, alpha, dropout, dora

    def settings(self) -> Any:
        """See `Adapter.settings`."""
        from peft import LoraConfig

        alpha: Any = self.alpha  # said to be whole, and divided only
        return LoraConfig(r=self.rank, lora_alpha=alpha, lora_dropout=self.dropout, use_dora=self.dora)
