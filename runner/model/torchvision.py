"""Any classification network of torchvision."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torchvision import models

from runner.engine.spec import Spec
from runner.errors import ConfigError, did_you_mean
from runner.model.base import PublishedNetwork
from runner.model.layers.fitted import Stem, fit_to_images

NO_AUXILIARY = {"aux_logits": False, "init_weights": True}


class Torchvision(PublishedNetwork):
    """A classification network of torchvision by its name, as ``network``; without auxiliary classifiers.

    Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        name: such as ``resnext50_32x4d``; ``torchvision.models.list_models(module=torchvision.models)`` lists them.
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Raises:
        ConfigError: there is no such network, or the images don't suit it.
    """

    def __init__(self, spec: Spec, name: str, stem: Stem = "auto") -> None:
        super().__init__()
        names = models.list_models(module=models)
        if name not in names:
            raise ConfigError(
                f"model.name={name}: torchvision has no such classification network.{did_you_mean(name, names)} "
                f"Expected one of {', '.join(names)}."
            )
        _, height, width = spec.input_shape
        arguments: dict[str, Any] = {"num_classes": spec.num_outputs}
        if name in ("googlenet", "inception_v3"):
            arguments |= NO_AUXILIARY
        if name.startswith("vit_"):
            arguments["image_size"] = height
        if name.startswith("maxvit_"):
            arguments["input_size"] = (height, width)
        try:
            self.builder = name
            self.network = models.get_model(name, weights=None, **arguments)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise ConfigError(
                f"model.name={name}: can't be made for images of {width} x {height} pixels "
                f"({' '.join(str(error).split())}). Take images of another size, or another network."
            ) from error
        fit_to_images(self, spec, stem)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As torch's. Tensors without version, as checkpoints have them, are those of this one: mnasnet asks for it."""
        given = OrderedDict(state_dict)
        given._metadata = getattr(state_dict, "_metadata", self.state_dict()._metadata)  # type: ignore[attr-defined]
        return super().load_state_dict(given, strict, assign)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs."""
        return self.network(x)  # type: ignore[no-any-return]
