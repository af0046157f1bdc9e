"""Sweeps that a verb makes by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from runner.signals import Listener


def sweep(arguments: Sequence[str]) -> int:
    """Run a sweep in a process of its own: trials are forked from it, which wants it fresh. Gives its exit status.

    Args:
        arguments: what would be typed behind ``--multirun``.
    """
    process = subprocess.Popen([sys.executable, "-P", "-m", "runner", "--multirun", *arguments])
    with _Forwarding(process):
        status = process.wait()
    return status if status >= 0 else 128 - status


class _Forwarding(Listener):
    """Passes signals on; of a terminal the sweep hears them twice, which it takes for one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.process.send_signal(number)
