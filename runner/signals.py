"""Signals that ask a process to stop, and who hears them for a while."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


def asking_to_stop() -> list[signal.Signals]:
    """Signals that ask a process to stop; that of a closed terminal is none under ``nohup``."""
    closed = [signal.SIGHUP] if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *closed]


@contextmanager
def heard_as_before() -> Iterator[None]:
    """Give the signals that ask to stop back to whom they came before, whatever a library did about them meanwhile."""
    before = {number: signal.getsignal(number) for number in asking_to_stop()}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


class Listener:
    """While this context lasts, the signals that ask to stop come to `_hear`; then to whom they came before.

    Ctrl-C is heard in the background too, where shells have it ignored. Outside the main thread Python delivers no
    signals, and nothing is heard.
    """

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        self._before: dict[int, Any] = {n: signal.signal(n, self._hear) for n in asking_to_stop()} if main else {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        raise NotImplementedError
