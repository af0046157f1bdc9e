"""The check in front of techniques that need classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def number_of_classes(fit: Fit, technique: str) -> int:
    """How many classes the data have.

    Raises:
        ConfigError: none: `technique` can't be used.
    """
    if fit.spec.num_classes is None:
        raise ConfigError(
            f"regularization={technique}: is for classes, and these data have none. Leave {technique} out."
        )
    return fit.spec.num_classes
