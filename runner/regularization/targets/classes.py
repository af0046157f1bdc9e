"""The check in front of techniques that need classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def number_of_classes(fit: Fit, technique: str) -> int:
    """How many classes the data have, of which each example or pixel has one.

    Raises:
        ConfigError: none: `technique` can't be used.
    """
    targets = fit.spec.targets
    if targets is None or targets.size is None or targets.kind not in ("class", "mask"):
        kind = "numbers" if targets is None or targets.kind == "values" else targets.kind
        raise ConfigError(
            f"regularization={technique}: the targets of this data are {kind}, expected classes. Leave {technique} out."
        )
    return targets.size
