"""The command line. Only here is anything printed."""

from __future__ import annotations

import os

from runner.cli import signals


def main() -> None:
    """Entry point of ``python -m runner`` and of the console script."""
    signals.listen()
    try:
        from runner.cli import verbs

        verbs.main()
    except KeyboardInterrupt as error:
        os._exit(signals.stopped(error))


__all__ = ["main"]
