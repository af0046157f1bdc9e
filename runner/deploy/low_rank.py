"""Wide layers of a trained network as two thin ones each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from runner.errors import ConfigError
from runner.model.changes.low_rank import LowRank, factorable, factors


def wide(model: nn.Module) -> dict[str, Tensor]:
    """The weights of the layers that can become two thin ones, by name of the layer.

    Those whose weights something else reads (an attention's projections, tables that a layer shares) are left alone.
    """
    shared: dict[int, int] = {}
    for module in model.modules():
        for p in module.parameters(recurse=False):
            shared[id(p)] = shared.get(id(p), 0) + 1
    read = (nn.MultiheadAttention, nn.TransformerEncoderLayer)
    inside = {
        f"{name}.{own}" for name, m in model.named_modules() if isinstance(m, read) for own, _ in m.named_children()
    }
    return {
        name: layer.weight.detach()
        for name, layer in model.named_modules()
        if name and name not in inside and factorable(layer) and shared[id(layer.weight)] == 1
    }


def ranks_for(weights: Mapping[str, Tensor], amount: float) -> dict[str, int]:
    """The ranks with which so large a share of some weights is saved.

    What a singular value is worth is its share of its layer's squares per weight that it takes, ``σ² / (‖W‖² (out +
    in))``. The most worthy are kept, in whatever layer they are; a layer that would be no smaller stays as it is.

    Args:
        weights: by name of the layer, ``(out, in, *kernel)``.
        amount: share of all their weights that is to be saved at least, in (0, 1).

    Returns:
        Ranks of the layers that become two, by name.

    Raises:
        ConfigError: not even ranks of 1 save so much.
    """
    worth, sizes, costs = {}, {}, {}
    for name, weight in weights.items():
        squares = torch.linalg.svdvals(weight.double().flatten(1)).square()
        costs[name], sizes[name] = len(weight) + weight[0].numel(), weight.numel()
        worth[name] = squares / squares.sum().clamp(min=1e-300) / costs[name]
    allowed = (1 - amount) * sum(sizes.values())

    def ranks(least: float) -> dict[str, int]:
        return {name: max(1, int((values > least).sum())) for name, values in worth.items()}

    def cost(chosen: Mapping[str, int]) -> int:
        return sum(min(sizes[name], rank * costs[name]) for name, rank in chosen.items())

    bounds = torch.cat(list(worth.values())).unique().tolist()  # ascending: the more is cut off, the less it costs
    low, high = 0, len(bounds) - 1
    if cost(ranks(bounds[high])) > allowed:
        most = 1 - cost(ranks(bounds[high])) / sum(sizes.values())
        raise ConfigError(
            f"--amount {amount:g}: with ranks of 1 everywhere these layers save {most:.3g} of their weights. Expected "
            "no more than that."
        )
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if cost(ranks(bounds[middle])) <= allowed else (middle + 1, high)
    return {name: rank for name, rank in ranks(bounds[low]).items() if rank * costs[name] < sizes[name]}


def divided_state(state: Mapping[str, Tensor], change: LowRank) -> dict[str, Any]:
    """The weights of a network of which some layers have become two.

    Args:
        state: its weights before.
        change: which, and how.
    """
    made = dict(state)
    for name, rank in change.ranks.items():
        made[f"{name}.0.weight"], made[f"{name}.1.weight"] = factors(made.pop(f"{name}.weight"), rank)
        if f"{name}.bias" in made:
            made[f"{name}.1.bias"] = made.pop(f"{name}.bias")
    return made
