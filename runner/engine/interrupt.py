"""Asking a run to stop: Ctrl-C, SIGTERM or a closed terminal finish the step and save; a second one stops at once."""

from __future__ import annotations

import signal
from types import FrameType
from typing import ClassVar

from runner.signals import Listener


class Interrupt(Listener):
    """While this context lasts, signals set `requested` to their name instead of ending the process.

    Outside the main thread it is a plain flag.

    Attributes:
        second_stops: whether a second signal stops at once. Not in a sweep's worker, nor in one of the processes of a
            run: `timeout`, batch systems and torchrun signal every process, and so does the sweep, which kills its
            workers when it means "at once".
    """

    second_stops: ClassVar[bool] = True

    def __init__(self) -> None:
        self.requested: str | None = None

    def _hear(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.requested is not None:
            if self.second_stops:
                raise KeyboardInterrupt(name)
            return
        self.requested = name
