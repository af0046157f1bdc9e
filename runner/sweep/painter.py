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
        self.folder, self.log, self.enough = folder, folder / "plots.log", enough
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
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)

    def finish(self) -> list[str]:
        """Wait for the pictures, unless it is enough; gives a line for each that failed."""
        if self.process is None:
            return []
        while self.process.poll() is None:
            if self.enough():
                self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
        assert self.process.stdout is not None
        with self.process.stdout as said:
            failed = said.read().decode(errors="replace").splitlines()
        status, self.process = self.process.returncode, None
        if status == 0 and not any(failed):
            self.log.unlink(missing_ok=True)
            return []
        return [line for line in failed if line] or [f"exit status {status}"]
