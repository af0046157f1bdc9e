"""Pictures of a sweep, drawn beside it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

FIRST_PICTURE, PICTURE_EVERY = 60.0, 300.0  # seconds


class Painter:
    """Draws a sweep's pictures in a process of its own: now and then while it runs, and at its end.

    Args:
        folder: the sweep's folder.
        enough: whether nobody waits for pictures any more.
    """

    def __init__(self, folder: Path, enough: Callable[[], bool]) -> None:
        self.folder, self.enough = folder, enough
        self.process: subprocess.Popen[bytes] | None = None
        self._next = time.monotonic() + FIRST_PICTURE

    def look(self) -> None:
        """Draw when the last pictures are old."""
        if time.monotonic() > self._next and (self.process is None or self.process.poll() is not None):
            self._next = time.monotonic() + PICTURE_EVERY
            self.start()

    def start(self) -> None:
        """Begin to draw, from what the folder holds by then."""
        self.finish()
        code = f"import sys; sys.path[:] = {sys.path!r}; from runner.sweep.plots import main; main()"
        command = [sys.executable, "-P", "-c", code, str(self.folder)]  # not what lies in the working directory
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def finish(self) -> None:
        """Wait for the pictures, unless it is enough."""
        while self.process is not None and self.process.poll() is None:
            if self.enough():
                self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
