"""The verb ``prune``: a network with fewer weights."""

from __future__ import annotations

from runner.errors import ConfigError


def prune(arguments: list[str]) -> int:
    """Not there yet."""
    raise ConfigError("prune: is not there yet.")
