"""Ctrl-C, SIGTERM and a closed terminal ask a sweep to stop, and break into nothing."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from runner.errors import asking_to_stop

AGAIN = 0.2  # seconds; `timeout` and batch systems signal a process and then its group, which is one wish


class Interruption:
    """While this context lasts, a signal is noted, to be asked for where stopping is safe; a second one breaks in.

    A KeyboardInterrupt raised in the middle of anything may end a write halfway, or be lost in code of others that is
    under way at that moment. Ctrl-C is heard in the background too, where shells have it ignored. Outside the main
    thread Python delivers no signals.

    Args:
        at_once: whether already the first one breaks in; for work that is lost by nobody.

    Attributes:
        by: name of the last signal.
    """

    def __init__(self, at_once: bool = False) -> None:
        self._patience = 0 if at_once else 1
        self._heard, self._last, self._waiting = 0, 0.0, False
        self.by = "SIGINT"
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
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
        now = time.monotonic()
        if not self._heard or now - self._last > AGAIN:
            self._heard, self._last, self.by = self._heard + 1, now, signal.Signals(number).name
            if self._waiting:
                raise KeyboardInterrupt
            self.asked()

    def attempt(self, action: Callable[[], None]) -> bool:
        """Do what may wait for long and can be left in the middle; gives whether it was done. Any signal breaks in."""
        self._waiting = True
        try:
            if not self.asked():
                action()
                return True
        except KeyboardInterrupt:
            self.asked()
        finally:
            self._waiting = False
        return False

    def asked(self) -> bool:
        """Whether to stop.

        Raises:
            KeyboardInterrupt: at once; raised when that is heard, and here once more in case it got lost.
        """
        if self._heard > self._patience:
            raise KeyboardInterrupt
        return self._heard > 0
