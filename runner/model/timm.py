"""Any network of timm."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from runner.engine.spec import Spec
from runner.errors import ConfigError, did_you_mean
from runner.model.base import PublishedNetwork
from runner.model.layers.fitted import Stem, fit_to_images


class Timm(PublishedNetwork):
    """A network of timm (PyTorch Image Models) by its name, as ``network``.

    Only the names of timm's own networks are taken: none of a hub or a folder, whose files could run a program. Shapes:
    ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        name: such as ``resnet26t``; ``timm.list_models()`` lists them.
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Raises:
        ConfigError: timm is not installed, there is no such network, or the images don't suit it.

    Source: Wightman 2019, "PyTorch Image Models".
    """

    def __init__(self, spec: Spec, name: str, stem: Stem = "auto") -> None:
        super().__init__()
        try:
            import timm
        except ImportError as error:
            raise ConfigError("model=timm: timm is not installed. Run `pip install 'runner[timm]'`.") from error
        names = timm.list_models()
        if name not in names:
            raise ConfigError(
                f"model.name={name}: timm has no such network.{did_you_mean(name, names)} Expected one of the "
                f"{len(names):,} names that `python -c 'import timm; print(timm.list_models())'` prints."
            )
        colours, *sides = spec.input_shape
        arguments: dict[str, Any] = {"num_classes": spec.num_outputs, "in_chans": colours}
        published = timm.get_pretrained_cfg(name)
        if published is not None and published.fixed_input_size:
            arguments["img_size"] = tuple(sides)
        try:
            self.network = timm.create_model(name, pretrained=False, **arguments)
        except (RuntimeError, ValueError, AssertionError, TypeError) as error:
            raise ConfigError(
                f"model.name={name}: can't be made for images of {sides[1]} x {sides[0]} pixels "
                f"({' '.join(str(error).split())}). Take images of another size, or another network."
            ) from error
        fit_to_images(self, spec, stem)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs."""
        return self.network(x)  # type: ignore[no-any-return]
