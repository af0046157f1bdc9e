"""What hidden layers of a network give, kept while it works."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from runner.errors import ConfigError, did_you_mean

# Stands for the input of the last layer among the names of layers.
LAST_INPUT = ""


class HiddenLayers:
    """Hooks on layers, which keep what each gave last. Where none are attached the network is as it was.

    A layer that changes its input in place (``ReLU(inplace=True)``) changes what the layer in front of it gave, also
    here.

    Args:
        network: whose layers they are.
        names: of the layers, or patterns with ``*`` and ``?``; None: the input of the last layer that has weights.
        key: config key that they were given for, for messages.

    Raises:
        ConfigError: there is no such layer.
    """

    def __init__(self, network: nn.Module, names: Sequence[str] | None, key: str) -> None:
        self.network, self.key = network, key
        self.layers = {name: module for name, module in network.named_modules() if name}
        self.names = [LAST_INPUT] if names is None else [found for name in names for found in self._matching(name)]
        self.last: nn.Module | None = None
        self.kept: dict[str, Any] = {}
        self.handles: list[Any] = []

    def _matching(self, pattern: str) -> list[str]:
        found = [name for name in self.layers if fnmatchcase(name, pattern)]
        if not found:
            shown = [name for name, layer in self.layers.items() if not list(layer.children())]
            raise ConfigError(
                f"{self.key}: {pattern!r} matches no layer of {type(self.network).__name__}."
                f"{did_you_mean(pattern, self.layers)} Layers: {', '.join(shown[:40]) or 'it has none'}"
                f"{', ...' if len(shown) > 40 else ''}."
            )
        return found

    def find_last(self, inputs: Tensor, more: dict[str, Tensor]) -> None:
        """Find the last layer with weights by passing some examples through the network.

        Raises:
            ConfigError: there is none.
        """
        called: list[nn.Module] = []
        handles = [
            layer.register_forward_pre_hook(lambda layer, _: called.append(layer))
            for layer in self.layers.values()
            if any(p.ndim > 1 for p in layer.parameters(recurse=False))
        ]
        try:
            self.network(inputs, **more)
        finally:
            for handle in handles:
                handle.remove()
        if not called:
            raise ConfigError(f"{self.key}: {type(self.network).__name__} has no layers with weights. Name one.")
        self.last = called[-1]

    def attach(self) -> None:
        """Begin to keep; nothing where it has begun."""
        if self.handles:
            return
        for name in self.names:
            if name == LAST_INPUT:
                assert self.last is not None
                self.handles.append(self.last.register_forward_pre_hook(self._keep_input))
            else:
                self.handles.append(self.layers[name].register_forward_hook(self._keeper(name)))

    def detach(self) -> None:
        """Stop, and forget what was kept."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        self.kept.clear()

    def _keep_input(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.kept[LAST_INPUT] = inputs[0] if inputs else None

    def _keeper(self, name: str) -> Any:
        def keep(layer: nn.Module, inputs: Any, given: Any) -> None:
            self.kept[name] = given[0] if isinstance(given, tuple) else given

        return keep

    def taken(self) -> list[Tensor]:
        """What the layers gave, in the order in which they were named; it is not kept any longer.

        Raises:
            ConfigError: one was not called, or gives no tensor.
        """
        given = []
        for name in self.names:
            found = self.kept.pop(name, None)
            if not isinstance(found, Tensor) or not 2 <= found.ndim <= 4:
                what = "was not called" if found is None else "gives no tensor of two to four dimensions"
                raise ConfigError(f"{self.key}: {name or 'the last layer'!r} {what}. Name another layer.")
            given.append(found)
        return given

    def described(self, name: str) -> str:
        """A layer in words."""
        return repr(name) if name else "the input of the last layer"
