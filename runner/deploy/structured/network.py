"""The channels of a network: which there are, and which can only be removed together."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves

from runner.deploy.structured.blocks import Tie, followed_as_a_whole
from runner.deploy.structured.flow import Flow, Layers
from runner.deploy.structured.labels import Labels, varies
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.batch import Batch


@dataclass
class Channels:
    """What was found of a network.

    Attributes:
        labels: with all that was united.
        of: the labels of each dimension of each parameter and buffer, by its name.
        ties: kinds of channels of which as many must be kept.
        maps: labels of the channels that go in and come out, of modules that say how many they add.
        mixed: see `Flow.mixed`.
        unknown: see `Flow.unknown`.
    """

    labels: Labels
    of: dict[tuple[str, int], NDArray[np.int64]]
    ties: list[Tie]
    maps: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    mixed: set[str]
    unknown: set[str]


def channels_of(model: nn.Module, batch: Batch) -> Channels:
    """Call a copy of `model` and follow its channels: as in evaluation, and as in training, but for dropout.

    Raises:
        ConfigError: part of it is used in training alone, and it can't be called as it is there.
    """
    model = copy.deepcopy(model)
    labels = Labels()
    flow = Flow(model, labels)
    ties = followed_as_a_whole(model, flow)
    maps: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def note(name: str) -> Any:
        def hear(module: nn.Module, given: tuple[Any, ...], made: Any) -> None:
            maps[name] = _second(flow, given[0]), _second(flow, made)

        return hear

    for name, module in model.named_modules():
        if isinstance(getattr(module, "extra", None), int):
            module.register_forward_hook(note(name))
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    failed: Exception | None = None
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), flow:
            for training in (False, True):
                for module in model.modules():
                    module.training = training and any(True for _ in module.children())
                try:
                    outputs = model(batch.inputs, **batch.more)
                except Exception as error:  # whatever a network raises that wants its targets in training
                    if not training:
                        raise
                    failed = error
                    continue
                flow.fix(t for t in tree_leaves(outputs) if isinstance(t, Tensor))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    idle = [name for name in flow.weights if id(tensors[name]) not in flow.seen]
    if failed and (trained := [name for name in idle if name in dict(model.named_parameters())]):
        raise ConfigError(
            f"--method structured: {trained[0]} is used in training alone, where this network can't be called without "
            f"its targets ({type(failed).__name__}: {failed}), so nobody knows what its channels go with."
        ) from failed
    flow.fix(tensors[name] for name in idle)
    of = {
        (name, dim): layer[tuple(slice(None) if d == dim else 0 for d in range(layer.ndim))].numpy()
        for name, layers in flow.weights.items()
        for layer in layers
        for dim in varies(layer)
    }
    return Channels(labels, of, ties, maps, flow.mixed, flow.unknown)


def _second(flow: Flow, x: Tensor) -> NDArray[np.int64]:
    """Labels of maps ``(N, C, ...)`` along C; none: empty."""
    layers: Layers = [layer for layer in flow.layers(x) if varies(layer) == {1}]
    return layers[0][(0, slice(None), *(0,) * (x.ndim - 2))].numpy() if layers else np.zeros(0, np.int64)
