"""The verb ``benchmark``: what variants of a network gain and cost."""

from __future__ import annotations

from runner.errors import ConfigError


def benchmark(arguments: list[str]) -> int:
    """Not there yet."""
    raise ConfigError("benchmark: is not there yet.")
