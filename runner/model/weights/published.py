"""What comes with published weights, and those of torchvision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from runner.engine.colours import SCALINGS
from runner.errors import ConfigError, RunFailed, did_you_mean

# Names in the oldest of torchvision's files, and today's.
_OLD = (
    (re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"(fpn\.(?:inner|layer)_blocks\.\d+)(\.(?:weight|bias))$"), r"\1.0\2"),
    (re.compile(r"(rpn\.head\.conv)(\.(?:weight|bias))$"), r"\1.0.0\2"),
)
_MASK_HEAD = re.compile(r"(mask_head\.)mask_fcn(\d)(\.(?:weight|bias))$")  # which were numbered from 1
_RETINANET = re.compile(r"(head\.conv\.)(\d)(\.(?:weight|bias))$")  # there convolutions alternate with activations


@dataclass(frozen=True)
class Weights:
    """Weights with what is known of them.

    Attributes:
        state: tensors by name.
        origin: where they are from, in words.
        scaling: of the images that they were trained with, as in ``data.scaling``; empty where it is not known.
        side: of these images in pixels; 0 where it is not known.
        vocabulary: of the texts that they were trained with, as in ``data.tokenizer_file``; empty where it is not
            known.
        enclosed: whether these texts stood between a start and an end, as in ``data.enclosed``.
        tokens: the name of the tensor that has a row for each entry of the vocabulary; empty where there is none.
    """

    state: Mapping[str, Tensor]
    origin: str
    scaling: str = ""
    side: int = 0
    vocabulary: str = ""
    enclosed: bool = False
    tokens: str = ""


def scaling_named(mean: Sequence[float], std: Sequence[float]) -> str:
    """The name in ``data.scaling`` of a shift and a spread of colours in [0, 1]; empty where there is none."""
    return next((name for name, pair in SCALINGS.items() if pair == (tuple(mean), tuple(std))), "")


def of_torchvision(builder: str, name: str | None, given: Mapping[str, Tensor] | None) -> Weights:
    """Weights of a network of torchvision.

    Args:
        builder: the name of the network.
        name: that of its weights; None: those that torchvision recommends.
        given: the tensors, where they are here already; else they are downloaded into torch's cache.

    Raises:
        ConfigError: there are no weights of that name.
        RunFailed: they can't be downloaded.
    """
    from torchvision import models

    enum: Any = models.get_model_weights(builder)
    names = [entry.name for entry in enum]
    wanted = enum.DEFAULT.name if name is None else name.rpartition(".")[2]
    if wanted not in names:
        raise ConfigError(
            f"init.weights={name}: torchvision has no such weights of {builder}.{did_you_mean(wanted, names)} Expected "
            f"one of {', '.join(names)}, or a file or folder of your own."
        )
    entry = enum[wanted]
    state = given if given is not None else _downloaded(entry, builder)
    for old, new in _OLD:
        state = {old.sub(new, key): tensor for key, tensor in state.items()}
    state = {_MASK_HEAD.sub(lambda m: f"{m[1]}{int(m[2]) - 1}.0{m[3]}", k): tensor for k, tensor in state.items()}
    if builder.startswith("retinanet"):
        state = {_RETINANET.sub(lambda m: f"{m[1]}{int(m[2]) // 2}.0{m[3]}", k): tensor for k, tensor in state.items()}
    state = {key: tensor for key, tensor in state.items() if not key.startswith(("aux", "AuxLogits"))}
    origin = f"torchvision's {entry}"
    if builder in models.list_models(module=models.detection):  # which scale images themselves, in torchvision
        return Weights(state, origin, "imagenet")
    preset = entry.transforms()
    scaling = scaling_named(preset.mean, preset.std)
    if builder in ("googlenet", "inception_v3"):  # which bring images to [-1, 1] themselves, in torchvision
        scaling = "symmetric"
    masks = builder in models.list_models(module=models.segmentation)
    return Weights(state, origin, scaling, (preset.resize_size if masks else preset.crop_size)[0])


def _downloaded(entry: Any, builder: str) -> Mapping[str, Tensor]:
    try:
        state: Mapping[str, Tensor] = entry.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:  # no network; another checksum
        raise RunFailed(
            f"init=pretrained: {entry.url} can't be downloaded ({error}). Download it where there is a network and "
            f"give the file: init.weights={entry.url.rpartition('/')[2]}. model=efficientnet_lite0 needs no hub."
        ) from error
    return state
