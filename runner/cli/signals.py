"""Ctrl-C, SIGTERM and a terminal that is closed, from the first import of a command to its last word."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from runner.launched import rank
from runner.signals import asking_to_stop

_heard: list[int] = []


def listen() -> None:
    """Have the signals that ask to stop raise KeyboardInterrupt, which undoes what was half made on its way.

    While a network is trained, `runner.engine.interrupt.Interrupt` hears them instead.
    """
    for number in asking_to_stop():
        signal.signal(number, _hear)


def _hear(number: int, frame: FrameType | None) -> None:
    _heard.append(number)
    if len(_heard) > 1 and _importing(frame):
        os._exit(stopped())
    _raise_outside_imports(number, frame)


def _raise_outside_imports(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; while something is imported, as soon as it is.

    C++ behind an import, such as torch's, calls Python and aborts the process where that raises.
    """
    if _importing(frame) and hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda _, then: _raise_outside_imports(number, then))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        return
    raise KeyboardInterrupt(signal.Signals(number).name)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def heard() -> bool:
    """Whether a signal came; some code drops or replaces what is raised in it, imports above all."""
    return bool(_heard)


def exit_code(error: BaseException | None = None) -> int:
    """What a process ends with that was stopped: 128 and the number of the signal."""
    name = str(error.args[0]) if error is not None and error.args else ""
    number = signal.Signals.__members__.get(name) or (_heard[-1] if _heard else signal.SIGINT)
    return 128 + int(number)


def deafen(code: int) -> None:
    """From here on a signal ends the process at once, with `code`: all is done but to leave."""
    if _heard and hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    for number in asking_to_stop():
        if signal.getsignal(number) == _hear:
            signal.signal(number, lambda *_: os._exit(code))


def stopped(error: BaseException | None = None) -> int:
    """The last word of a command that was stopped; gives its exit status."""
    with suppress(OSError):  # nobody reads it
        if rank():  # the first process of the run tells
            return exit_code(error)
        print("Stopped at once; what was saved before stays.", file=sys.stderr, flush=True)
    return exit_code(error)
