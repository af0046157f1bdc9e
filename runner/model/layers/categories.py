"""Vectors that are learnt for words of a table."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from runner.engine.spec import Spec

LARGEST = 50  # numbers of a vector, at most


def sizes_of(spec: Spec) -> tuple[int, ...]:
    """How many categories each column has that goes beside the numbers, the last for an unseen one; none: empty."""
    return spec.more["categories"].sizes if "categories" in spec.more else ()


def width_of(size: int) -> int:
    """Numbers of the vector of a column with so many categories: half as many, at most `LARGEST`."""
    return min(LARGEST, (size + 1) // 2)


class CategoryEmbedding(nn.Module):
    """Numbers with the vectors of categories behind them: ``(N, F)`` and ``(N, K)`` to ``(N, F + sum of widths)``.

    The vector of what training had not seen is zero, and stays so.

    Args:
        sizes: categories of each of the K columns, the last of them for an unseen one.

    Source: Guo and Berkhahn 2016, "Entity Embeddings of Categorical Variables".
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.columns = nn.ModuleList(nn.Embedding(size, width_of(size), padding_idx=size - 1) for size in sizes)
        self.width = sum(map(width_of, sizes))

    def forward(self, inputs: Tensor, categories: Tensor) -> Tensor:
        """Numbers and vectors side by side."""
        vectors = [column(categories[:, k]) for k, column in enumerate(self.columns)]
        return torch.cat([inputs, *vectors], dim=1)


class CategoryTokens(nn.Embedding):
    """A vector of one width for each category: ``(N, K)`` to ``(N, K, width)``; one table for all columns.

    The vector of what training had not seen is zero.

    Args:
        sizes: categories of each of the K columns, the last of them for an unseen one.
        width: numbers of each vector.
    """

    offsets: Tensor

    def __init__(self, sizes: tuple[int, ...], width: int) -> None:
        super().__init__(sum(sizes), width)
        ends = torch.tensor([*accumulate(sizes)])
        self.register_buffer("offsets", ends - torch.tensor(sizes), persistent=False)
        nn.init.uniform_(self.weight, -(width**-0.5), width**-0.5)
        with torch.no_grad():
            self.weight[ends - 1] = 0.0

    def forward(self, categories: Tensor) -> Tensor:
        """The vectors."""
        return super().forward(categories + self.offsets)
