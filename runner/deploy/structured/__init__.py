"""Channels, heads and units that are removed from a trained network, whose layers become smaller."""

from runner.deploy.structured.prune import structured

__all__ = ["structured"]
