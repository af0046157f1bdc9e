"""The base of adapters: small layers that are trained in place of a network's own."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from torch import nn

from runner.errors import ConfigError, did_you_mean


class Adapter:
    """Puts small trainable layers beside layers of a network, whose own weights stay as they are.

    The last layer, which is new where the classes are, is trained too. A checkpoint holds all of it. A subclass
    implements `settings`.

    Args:
        layers: that get one: names, or patterns with ``*`` and ``?``; None: every dense layer but the last.
        merge: at the end, also write ``checkpoints/merged.pt``: the best weights with the adapters added to them, as
            an ordinary network, which costs nothing more than the one it was.

    Attributes:
        conflicts: names of techniques that it can't be combined with, each with the reason.
    """

    conflicts: ClassVar[dict[str, str]] = {"freeze": "an adapter leaves all else as it is already"}

    def __init__(self, layers: tuple[str, ...] | None, merge: bool) -> None:
        self.layers, self.merge = layers, merge

    def settings(self) -> Any:
        """The configuration of peft, but for the layers."""
        raise NotImplementedError

    def __call__(self, model: nn.Module) -> None:
        """Put the adapters into `model`, which has its weights, in place; draws from torch's default generator.

        Raises:
            ConfigError: peft is not installed; a pattern matches no layer, or one that can't have an adapter.
        """
        peft = _peft(type(self).__name__.lower())
        settings = self.settings()
        settings.target_modules = "|".join(map(re.escape, self._targets(model)))
        last = [module for module in model.modules() if list(module.parameters(recurse=False))][-1]
        try:
            peft.inject_adapter_in_model(settings, model)
        except (ValueError, NotImplementedError) as error:  # a kind of layer, or a number that does not divide
            raise ConfigError(f"adapter: {' '.join(str(error).split())}") from error
        last.requires_grad_(True)

    def _targets(self, model: nn.Module) -> list[str]:
        """Names of the layers that get an adapter."""
        weighted = [name for name, module in model.named_modules() if list(module.parameters(recurse=False))]
        dense = [name for name, module in model.named_modules() if type(module) is nn.Linear and name != weighted[-1]]
        if self.layers is None:
            if not dense:
                raise ConfigError(
                    "adapter: the network has no dense layer but the last. Name other layers in adapter.layers, or "
                    "leave the adapter out."
                )
            return dense
        found: dict[str, None] = {}
        for pattern in self.layers:
            matched = [name for name in weighted if fnmatchcase(name, pattern)]
            if not matched:
                raise ConfigError(
                    f"adapter.layers: {pattern!r} matches no layer of the network.{did_you_mean(pattern, weighted)} "
                    f"Layers with weights: {', '.join(weighted[:8])}{', ...' if len(weighted) > 8 else ''}."
                )
            found |= dict.fromkeys(matched)
        return list(found)


def merge(model: nn.Module) -> None:
    """Add the adapters in `model` to the weights that they stand beside, in place: the network it was, trained.

    Raises:
        ConfigError: peft is not installed.
    """
    kind = _peft("merge").tuners.tuners_utils.BaseTunerLayer
    for name, module in list(model.named_modules()):
        if isinstance(module, kind):
            module.merge()
            model.set_submodule(name, module.get_base_layer())


def _peft(name: str) -> Any:
    try:
        import peft
    except ImportError as error:
        raise ConfigError(
            f"adapter={name}: peft is not installed. Run `pip install 'runner[transformers]'`."
        ) from error
    return peft
