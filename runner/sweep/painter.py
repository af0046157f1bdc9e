"""Pictures of a sweep, drawn beside it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

FIRST_PICTURE, PICTURE_EVERY = 60.0, 300.0  # seconds


class Painter:
    """Draws a sweep's pictures in a process of its own: now and then while it runs, and at its end.

    Args:
        folder: the sweep's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        command = [sys.executable, "-m", "runner.sweep.plots", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def finish(self) -> None:
        """Wait for the pictures."""
        if self.process is not None:
            self.process.wait()
