"""Every rank holds a part of each weight, its gradient and the optimizer's state: torch's fully_shard."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from runner.engine.ranks.base import Strategy
from runner.engine.ranks.group import Group

_BLOCK = 0.02  # share of the weights from which on a repeated block is gathered for itself


class FSDP(Group):
    """Weights are gathered block by block where they are needed, and gradients are scattered as soon as they are there.

    Source: Zhao et al. 2023, "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel".
    """

    name: ClassVar[Strategy] = "fsdp"
    sharded: ClassVar[bool] = True

    def placed(self, model: nn.Module) -> nn.Module:
        """See `Ranks.placed`."""
        model = super().placed(model)
        device = next((p.device.type for p in model.parameters()), "cpu")
        mesh = init_device_mesh(device, (self.world,))
        for block in _blocks(model):
            fully_shard(block, mesh=mesh)
        # of the network itself too: between passes its parameters are those that the optimizer has
        fully_shard(model, mesh=mesh, reshard_after_forward=True)
        return model

    def reduce_with(self, network: nn.Module, wanted: bool) -> None:
        """See `Ranks.reduce_with`."""
        assert isinstance(network, FSDPModule)
        network.set_requires_gradient_sync(wanted)

    def own_part(self, tensor: Tensor) -> Tensor:
        """See `Ranks.own_part`."""
        return tensor.to_local() if isinstance(tensor, DTensor) else tensor

    def full(self, tensor: Tensor) -> Tensor:
        """See `Ranks.full`."""
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def whole(self, content: Any) -> Any:
        """See `Ranks.whole`. Tensor by tensor, on the CPU: a network need not fit into a device."""
        if isinstance(content, DTensor):
            full = content.full_tensor()
            return full.cpu() if self.main else None
        if isinstance(content, dict):
            return {key: self.whole(value) for key, value in content.items()}
        if isinstance(content, (list, tuple)):
            return [self.whole(value) for value in content]
        return content

    def parted(self, state: Any, like: Any) -> Any:
        """See `Ranks.parted`."""
        if isinstance(like, DTensor) and isinstance(state, Tensor) and not isinstance(state, DTensor):
            return distribute_tensor(state.to(like.device), like.device_mesh, like.placements)
        if isinstance(state, dict) and isinstance(like, dict):
            return {key: self.parted(value, like.get(key)) for key, value in state.items()}
        if isinstance(state, list) and isinstance(like, (list, tuple)):
            return [self.parted(value, one) for value, one in zip(state, like, strict=False)]
        return state

    def parted_optimizer(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        """See `Ranks.parted_optimizer`: what has the shape of a weight goes with it."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        parts = {
            number: {
                key: self.parted(value, parameters[number] if _alike(value, parameters[number]) else None)
                for key, value in entries.items()
            }
            for number, entries in state["state"].items()
        }
        return {**state, "state": parts}


def _alike(value: Any, parameter: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == parameter.shape and value.ndim > 0


def _blocks(model: nn.Module) -> list[nn.Module]:
    """The blocks that repeat: entries of lists and sequences of modules that hold a good share of the weights."""
    total = sum(p.numel() for p in model.parameters())
    found: list[nn.Module] = []
    for module in model.modules():
        if isinstance(module, (nn.ModuleList, nn.Sequential)):
            inside = {id(part) for block in found for part in block.modules()}
            large = [m for m in module if sum(p.numel() for p in m.parameters()) >= _BLOCK * total]
            found += [m for m in large if id(m) not in inside and m is not model]
    return found
