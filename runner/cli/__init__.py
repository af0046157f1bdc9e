"""The command line. Only here is anything printed."""

from runner.cli.verbs import main

__all__ = ["main"]
