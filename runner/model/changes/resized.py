"""Layers of fewer channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from runner.errors import ConfigError
from runner.model.changes.change import Change


@dataclass(frozen=True)
class Resized(Change):
    """Parameters and buffers are smaller, and the modules that have them say so.

    What is not named here stays as it is built, so that the last layer may have other outputs.

    Attributes:
        sizes: by the name of a parameter or buffer and its dimension, the size before and after.
        attributes: by the name of a module, the values that its attributes take.
        kept: by the name of a buffer that no checkpoint has and its dimension, which indices stay.
    """

    sizes: dict[str, dict[int, tuple[int, int]]]
    attributes: dict[str, dict[str, Any]]
    kept: dict[str, dict[int, list[int]]] = field(default_factory=dict)

    @classmethod
    def between(cls, before: nn.Module, after: nn.Module, kept: dict[str, dict[int, list[int]]]) -> Resized:
        """What makes a network like `after` of one like `before`.

        Args:
            before: a network.
            after: a copy of it, of which some channels were removed.
            kept: by name and dimension, which indices of its parameters and buffers `after` has.
        """
        old, stored = _tensors(before), before.state_dict()
        sizes = {
            name: {d: (old[name].shape[d], n) for d, n in enumerate(tensor.shape) if n != old[name].shape[d]}
            for name, tensor in _tensors(after).items()
        }
        attributes = {
            name: {key: value for key, value in _plain(new).items() if value != _plain(module).get(key)}
            for (name, module), new in zip(before.named_modules(), after.modules(), strict=True)
        }
        return cls(
            {name: changed for name, changed in sizes.items() if changed},
            {name: changed for name, changed in attributes.items() if changed},
            {name: dims for name, dims in kept.items() if name not in stored},
        )

    def apply(self, model: nn.Module) -> None:
        """See `Change.apply`."""
        tensors, modules = _tensors(model), dict(model.named_modules())
        for name, dims in self.sizes.items():
            tensor = tensors.get(name)
            if tensor is None:
                raise ConfigError(f"{_PRUNED} has {name}, and this network has not. {_SAME}")
            for dim, (before, after) in dims.items():
                if not 0 < after <= before:  # damaged: a large one would take all memory
                    raise ValueError(f"{name} became {after} of {before}")
                if dim >= tensor.ndim or tensor.shape[dim] != before:
                    raise ConfigError(
                        f"{_PRUNED} had a {name} with {before} in dimension {dim}, and that of this network has the "
                        f"shape {tuple(tensor.shape)}. {_SAME}"
                    )
        if missing := next((name for name in self.attributes if name not in modules), None):
            raise ConfigError(f"{_PRUNED} has a part {missing}, and this network has not. {_SAME}")
        for name, dims in self.sizes.items():
            for dim, (_, after) in dims.items():
                indices = self.kept.get(name, {}).get(dim, range(after))
                tensors[name].data = tensors[name].data.index_select(dim, torch.tensor(indices))
        for name, values in self.attributes.items():
            for key, value in values.items():
                setattr(modules[name], key, value)


_PRUNED = "the network that was pruned"
_SAME = "Take the model settings of the run that was pruned."


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return dict([*model.named_parameters(), *model.named_buffers()])


def _plain(module: nn.Module) -> dict[str, Any]:
    """Attributes of a module whose values are plain."""
    return {key: value for key, value in vars(module).items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
