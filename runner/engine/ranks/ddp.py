"""Every rank holds the whole network: torch's DistributedDataParallel."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from runner.engine.ranks.base import Strategy
from runner.engine.ranks.group import Group

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class DDP(Group):
    """Gradients are averaged over ranks while the backward pass goes on.

    Source: Li et al. 2020, "PyTorch Distributed: Experiences on Accelerating Data Parallel Training".
    """

    name: ClassVar[Strategy] = "ddp"
    trained: list[bool]

    def called(self, fit: Fit) -> nn.Module:
        """See `Ranks.called`; made anew where layers were frozen or unfrozen, as torch looks once."""
        wrapped = fit.network if isinstance(fit.network, DistributedDataParallel) else None
        trained = [p.requires_grad for p in fit.model.parameters()]
        if not any(trained) or (wrapped is not None and trained == self.trained):
            return fit.network
        self.trained = trained
        inner: nn.Module = fit.network if wrapped is None else wrapped.module
        # walking the graph of every pass costs some percent of it
        some_unused = not all(_used(fit))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # newer torch has another name for `broadcast_buffers`
            return DistributedDataParallel(inner, broadcast_buffers=False, find_unused_parameters=some_unused)

    def reduce_with(self, network: nn.Module, wanted: bool) -> None:
        """See `Ranks.reduce_with`: what torch's ``no_sync`` does, without a context."""
        network.require_backward_grad_sync = wanted  # type: ignore[assignment]


def _used(fit: Fit) -> list[bool]:
    """Whether the outputs for two examples depend on each of the parameters that are trained."""
    batch = fit.train.read(fit.train.order(0)[:2])
    more = {**batch.more, "targets": batch.targets} if fit.shows_targets else batch.more
    parameters = [p for p in fit.model.parameters() if p.requires_grad]
    buffers = [(buffer, buffer.clone()) for buffer in fit.model.buffers()]
    outputs = fit.model.train()(batch.inputs, **more)
    gradients = torch.autograd.grad(outputs.float().sum(), parameters, allow_unused=True)
    with torch.no_grad():
        for buffer, old in buffers:
            buffer.copy_(old)
    return [gradient is not None for gradient in gradients]
