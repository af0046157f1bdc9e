"""Forecasts that are fed back: a network that tells the next step, asked as often as there are steps to be told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from runner.model.base import Network, declared

if TYPE_CHECKING:
    from runner.engine.spec import Spec


def one_step(spec: Spec) -> Spec:
    """Facts about the same series, of which the next step alone is told."""
    targets = spec.targets
    assert targets is not None and targets.shape is not None and targets.shape[1] is not None
    return replace(spec, targets=replace(targets, shape=(1, targets.shape[1])), more={}, num_outputs=targets.shape[1])


class Recursive(Network):
    """A network that tells the next step of some series, and from its own answers those behind.

    After each answer the history moves on by one step: the oldest is left out, and the answer stands behind the latest,
    with what is known in advance beside it. So it is asked as often as there are steps, and learns from one.

    Args:
        network: gives the next value of each series ``(N, series)`` for histories ``(N, length, columns)``.
        spec: of the data, whose first columns are the series that are told.

    Source: Ben Taieb et al. 2012, "A review and comparison of strategies for multi-step ahead time series forecasting
        based on the NN5 forecasting competition", section 2.1.
    """

    def __init__(self, network: nn.Module, spec: Spec) -> None:
        super().__init__()
        assert spec.inputs is not None and spec.targets is not None
        self.network = network
        self.activation = declared(network).activation
        self.notes = network.notes if isinstance(network, Network) else ()
        names = spec.targets.names
        self.order = [names.index(name) for name in spec.inputs.names[: len(names)]]  # of the columns among the answers

    def forward(self, x: Tensor, future: Tensor | None = None) -> Tensor:
        """The next step ``(N, series)``, or all of the horizon ``(N, horizon * series)``.

        Args:
            x: histories ``(N, length, columns)``.
            future: what is known in advance of the steps behind them, ``(N, horizon - 1, known)``; None: the next step
                alone is told.
        """
        told = [self.network(x)]
        for known in () if future is None else future.unbind(1):
            step = torch.cat((told[-1][:, self.order].to(x.dtype), known), 1)
            x = torch.cat((x[:, 1:], step[:, None]), 1)
            told.append(self.network(x))
        return torch.cat(told, 1)
