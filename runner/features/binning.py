"""Bins of features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.features.base import Features

if TYPE_CHECKING:
    from runner.engine.spec import Spec


class Binning(Features):
    """Tells of every feature in which bin it lies; what lies beyond the training part belongs to the outermost bin.

    Features of two values, such as words that are one-hot, stay as they are.

    Args:
        bins: of each feature; those that would be empty are left out.
        strategy: ``quantile``: equally many training rows in each; ``uniform``: of equal width; ``kmeans``: each around
            the mean of its rows.
        encoding: ``onehot``: a 0/1 feature for each bin; ``ordinal``: its number, from 0.

    Source: `KBinsDiscretizer` of scikit-learn.
    """

    order: ClassVar[int] = 10

    def __init__(
        self,
        bins: Annotated[int, Ge(2), Le(256)] = 5,
        strategy: Literal["quantile", "uniform", "kmeans"] = "quantile",
        encoding: Literal["onehot", "ordinal"] = "onehot",
    ) -> None:
        self.bins, self.strategy, self.encoding = bins, strategy, encoding

    def fit(self, inputs: Tensor, targets: Tensor, names: Sequence[str], spec: Spec) -> None:
        """See `Features.fit`; finds the edges."""
        from sklearn.preprocessing import KBinsDiscretizer

        self.edges: list[Tensor | None] = []  # between the bins of each feature; None: it stays
        told: list[str] = []
        for name, column in zip(names, inputs.T.double(), strict=True):
            if len(column.unique()) <= 2:
                self.edges.append(None)
                told.append(name)
                continue
            maker = KBinsDiscretizer(
                self.bins,
                encode="ordinal",
                strategy=self.strategy,
                subsample=None,
                quantile_method="averaged_inverted_cdf",
                random_state=0,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of bins that would be empty
                maker.fit(column[:, None].numpy())
            edges = torch.from_numpy(maker.bin_edges_[0][1:-1].copy())
            self.edges.append(edges)
            told += [f"{name} bin {k}" for k in range(len(edges) + 1)] if self.encoding == "onehot" else [name]
        self.names = tuple(told)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Rows ``(N, F)`` with bins in place of numbers."""
        made = []
        for column, edges in zip(inputs.T, self.edges, strict=True):
            if edges is None:
                made.append(column[:, None])
                continue
            bins = (column.double()[:, None] >= edges).sum(1)  # as searchsorted, which ONNX has not
            onehot = self.encoding == "onehot"
            made.append((torch.nn.functional.one_hot(bins, len(edges) + 1) if onehot else bins[:, None]).float())
        return torch.cat(made, dim=1)

    def state_dict(self) -> dict[str, Any]:
        """See `Features.state_dict`."""
        return {**super().state_dict(), "edges": self.edges}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Features.load_state_dict`."""
        super().load_state_dict(state)
        self.edges = [None if edges is None else edges.cpu() for edges in state["edges"]]
