"""What a server has done, and the lines that it writes of what it refused."""

from __future__ import annotations

import http
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runner.errors import counted, printable

LINES = 10  # a second, at most
SHOWN = 80  # characters of a path


@dataclass
class Journal:
    """Counts requests, and tells of those that were refused.

    Attributes:
        tell: writes a line.
        begun: when it was ready, by `time.monotonic`.
        answered: requests with a status below 400.
        refused: the others, by their status.
    """

    tell: Callable[[str], None]
    begun: float = field(default_factory=time.monotonic)
    answered: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    _second: int = 0
    _lines: int = 0
    _left_out: int = 0

    def count(self, status: int, what: str) -> None:
        """Count a request; one that was refused has a line of its own, unless there are too many in this second.

        Args:
            status: that was answered.
            what: was asked for; nothing of a body.
        """
        if status < 400:
            self.answered += 1
            return
        self.refused[status] = self.refused.get(status, 0) + 1
        now = int(time.monotonic())
        if now != self._second:
            if self._left_out:
                self.tell(f"{counted(self._left_out, 'more request')} refused")
            self._second, self._lines, self._left_out = now, 0, 0
        if self._lines == LINES:
            self._left_out += 1
            return
        self._lines += 1
        self.tell(printable(f"{time.strftime('%H:%M:%S')} {status} {http.HTTPStatus(status).phrase}: {what[:SHOWN]}"))

    def facts(self) -> dict[str, int]:
        """The counts."""
        return {"answered": self.answered, "refused": sum(self.refused.values())}

    def told(self) -> str:
        """The counts in words."""
        kinds = ", ".join(f"{number:,} with {status}" for status, number in sorted(self.refused.items()))
        return f"{counted(self.answered, 'request')} answered" + (f", refused: {kinds}" if kinds else "")
