"""Batch normalization whose statistics are those of the examples of all ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


def synchronized(model: nn.Module) -> nn.Module:
    """The network with batch norms that share their statistics: torch's on GPUs, which on CPUs are refused by it."""
    if any(p.device.type == "cuda" for p in model.parameters()):
        made: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return made
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.__class__ = SynchronizedBatchNorm
    return model


class SynchronizedBatchNorm(_BatchNorm):
    """As torch's ``SyncBatchNorm``, on any device: mean and variance of a batch are sums over all ranks.

    Gradients go through the sums, so that an update is that of one process with the whole batch.

    Source: Peng et al. 2018, "MegDet: A Large Mini-Batch Object Detector", section 3.2.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Those of any number of dimensions are taken."""

    def forward(self, input: Tensor) -> Tensor:
        """Inputs ``(N, C, ...)``, normalized by channel."""
        if not self.training:
            return super().forward(input)
        dims = [0, *range(2, input.ndim)]
        shape = [1, -1, *[1] * (input.ndim - 2)]
        x = input.float()
        count = x.new_full((1,), x.numel() / x.shape[1])
        sums = all_reduce(torch.cat((x.sum(dims), count)))
        number = sums[-1].detach()
        mean = sums[:-1] / number
        # a second message rather than the mean of squares, whose difference to the squared mean rounds badly
        variance = all_reduce((x - mean.view(shape)).square().sum(dims)) / number
        self._remember(mean.detach(), variance.detach() * number / (number - 1))
        normalized = (x - mean.view(shape)) * (variance.view(shape) + self.eps).rsqrt()
        if self.affine:
            normalized = normalized * self.weight.view(shape) + self.bias.view(shape)
        made: Tensor = normalized.to(input.dtype)
        return made

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        assert self.running_mean is not None and self.running_var is not None
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)
