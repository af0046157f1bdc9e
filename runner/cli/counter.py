"""A line on the terminal that counts, or that says how long one has waited."""

from __future__ import annotations

import sys
import time
from typing import Self

from runner.errors import printable


class Line:
    """A line of the standard error that is written over, from the second second on and where it is a terminal."""

    def __init__(self) -> None:
        self.begin = self.last = time.monotonic()
        self.shown = False

    @property
    def waited(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.begin

    def put(self, text: str) -> None:
        """Write it, now and then."""
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.begin > 2 and now - self.last > 0.5:
            self.last, self.shown = now, True
            print(f"\r{text} ", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take it away."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False


class Counter(Line):
    """Counts.

    Args:
        what: is counted, such as ``predictions``.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def hear(self, count: int) -> None:
        """Take the number so far."""
        self.put(f"{count:,} {self.what}, {count / max(self.waited, 1e-9):,.0f} a second")

    def tell(self, text: str) -> None:
        """Print a sentence in place of the line."""
        self.clear()
        print(printable(text), file=sys.stderr)


class Steps(Line):
    """Counts the steps of one thing after another."""

    what = ""

    def hear(self, what: str, done: int, of: int) -> None:
        """Take how many are done; what is new has its own two seconds."""
        if what != self.what:
            self.what, self.begin = what, time.monotonic()
        self.put(f"{what}: {done:,} of {of:,}")

    def tell(self, text: str) -> None:
        """Print a sentence on the standard output in place of the line."""
        self.clear()
        print(printable(text).replace("\n", "\\n"))


class Waiting(Line):
    """Says for how long something has been waited for.

    Args:
        what: else there is to say.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self) -> None:
        """Say so, now and then."""
        self.put(f"waiting for {self.waited:.0f} s; {self.what}")
