"""Ctrl-C, SIGTERM and a closed terminal ask a sweep to stop, and break into nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType

from runner.signals import Listener

LOOK = 0.5  # seconds between looks at requests
AGAIN = 0.2  # seconds; `timeout` and batch systems signal a process and then its group, which is one wish


class Interruption(Listener):
    """While this context lasts, a signal is noted, to be asked for where stopping is safe; a second one breaks in.

    A KeyboardInterrupt raised in the middle of anything may end a write halfway, or be lost in code of others that is
    under way at that moment.

    Args:
        at_once: whether already the first one breaks in; for work that is lost by nobody.
        request: whether somebody asked for it in another way; looked at now and then, and as good as a first signal.

    Attributes:
        by: name of the last signal.
    """

    def __init__(self, at_once: bool = False, request: Callable[[], bool] | None = None) -> None:
        self._patience, self._request = 0 if at_once else 1, request
        self._heard, self._last, self._waiting, self._looked = 0, 0.0, False, 0.0
        self.by = "SIGINT"

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
        now = time.monotonic()
        if self._request is not None and not self._heard and now - self._looked > LOOK:
            self._looked = now
            if self._request():
                self._heard, self._last = 1, now
        return self._heard > 0
