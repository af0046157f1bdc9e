"""The check in front of networks for images."""

from __future__ import annotations

from runner.engine.spec import DataSpec
from runner.errors import ConfigError


def image_shape(spec: DataSpec, model: str) -> tuple[int, int, int]:
    """Channels, height and width of the data's images.

    Args:
        spec: facts about the data.
        model: the option that asks, for the message.

    Raises:
        ConfigError: the data are not images.
    """
    if len(spec.input_shape) != 3:
        raise ConfigError(
            f"model={model} takes images of shape (channels, height, width), but the examples of this data have the "
            f"shape {spec.input_shape}. Take model=mlp, or data that are images."
        )
    channels, height, width = spec.input_shape
    return channels, height, width
