"""Standard streams that may go away while a command goes on."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

NOBODY_READS = (errno.EPIPE, errno.EIO)  # a closed pipe, a closed terminal


def open_all() -> None:
    r"""Give a process that was started without one of its standard streams an empty one, and let all take any text.

    Else the next file that it opens would take the number of the missing one, and get what is printed. What a
    terminal has no letters for (``LANG=C``) is printed as its escape, such as ``\xfc``.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # of what was printed before and nobody reads
                stream.reconfigure(errors="backslashreplace")


class _Dropping(io.FileIO):
    """Writes as long as that is possible, and drops the rest."""

    failed: OSError | None = None

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.failed = self.failed or error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(content).nbytes


@contextmanager
def dropped_when_gone() -> Iterator[None]:
    """What can't be printed is dropped, and does not end what is printed about: a training goes on without a reader.

    Its scores are in files. A disk that is full is told of at the end.
    """
    before = sys.stdout, sys.stderr
    raw: list[_Dropping] = []
    sys.stdout, sys.stderr = (_dropping(stream, raw) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        sys.stdout, sys.stderr = before
    for error in (file.failed for file in raw):
        if error is not None and error.errno not in NOBODY_READS:
            with suppress(OSError):
                sys.stderr.write(f"Not all could be printed: {error.strerror}.\n")


def _dropping(stream: TextIO, raw: list[_Dropping]) -> TextIO:
    try:
        stream.flush()
        raw.append(_Dropping(stream.fileno(), "w", closefd=False))
    except (OSError, ValueError):  # no file: a notebook's, a test's
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(raw[-1]),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=getattr(stream, "line_buffering", True),
        write_through=getattr(stream, "write_through", False),
    )
