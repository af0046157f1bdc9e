"""The verb ``serve``: predictions over HTTP."""

from __future__ import annotations

from runner.errors import ConfigError


def serve(arguments: list[str]) -> int:
    """Not there yet."""
    raise ConfigError("serve: is not there yet.")
