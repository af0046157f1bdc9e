"""Any network of timm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from runner.engine.spec import Spec
from runner.errors import ConfigError, RunFailed, did_you_mean
from runner.model.base import PublishedNetwork
from runner.model.layers.fitted import Stem, fit_to_images
from runner.model.weights.published import Weights, scaling_named


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
        self.name = name
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

    def pretrained(self, name: str | None, given: Mapping[str, Tensor] | None) -> Weights:
        """See `Network.pretrained`; `name` is one of timm's tags."""
        import timm

        tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{self.name}.*")]
        if (name is not None and name not in tags) or (given is None and not tags):
            raise ConfigError(
                f"init.weights={name}: timm has no such weights of {self.name}.{did_you_mean(name or '', tags)} "
                f"Expected one of {', '.join(tags) or 'none: it has none'}, or a file or folder of your own."
            )
        full = f"{self.name}.{name}" if name else self.name
        if given is None:
            try:
                given = timm.create_model(full, pretrained=True).state_dict()
            except Exception as error:  # the hub's own kinds
                raise RunFailed(
                    f"init=pretrained: the weights {full} can't be fetched ({' '.join(str(error).split())}). Fetch "
                    "them where there is a network and give the file: init.weights=FILE.safetensors."
                ) from error
        published = timm.get_pretrained_cfg(full)
        if published is None:
            return Weights(given, "")
        scaling = scaling_named(published.mean, published.std)
        return Weights(given, f"timm's {full}", scaling, published.input_size[-1])
