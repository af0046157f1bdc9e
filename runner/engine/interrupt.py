"""Asking a run to stop: Ctrl-C, SIGTERM or a closed terminal finish the step and save; a second one stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, ClassVar

from runner.errors import asking_to_stop


class Interrupt:
    """While this context lasts, signals set `requested` to their name instead of ending the process.

    Outside the main thread Python delivers no signals; there it is a plain flag.

    Attributes:
        second_stops: whether a second signal stops at once. Not in a sweep's worker: `timeout` and batch systems signal
            every process, and so does the sweep, which kills its workers when it means "at once".
    """

    second_stops: ClassVar[bool] = True

    def __init__(self) -> None:
        self.requested: str | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in asking_to_stop():
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.requested is not None:
            if self.second_stops:
                raise KeyboardInterrupt(name)
            return
        self.requested = name
