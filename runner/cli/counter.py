"""A line on the terminal that counts, or that says how long one has waited."""

from __future__ import annotations

import sys
import time
from typing import Self

from runner.errors import printable


class Counter:
    """Counts on the standard error, from the second second on and where it is a terminal.

    Args:
        what: is counted, such as ``predictions``.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.begin = self.last = time.monotonic()
        self.shown = False

    def hear(self, count: int) -> None:
        """Take the number so far."""
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.begin > 2 and now - self.last > 0.5:
            self.last, self.shown = now, True
            rate = count / (now - self.begin)
            print(f"\r{count:,} {self.what}, {rate:,.0f} a second ", end="", file=sys.stderr, flush=True)

    def tell(self, text: str) -> None:
        """Print a sentence in place of the line."""
        self.clear()
        print(printable(text), file=sys.stderr)

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False


class Waiting:
    """Says on the standard error for how long something has been waited for, as `Counter` does.

    Args:
        what: else there is to say.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.begin = self.last = time.monotonic()
        self.shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def show(self) -> None:
        """Say so, now and then."""
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.begin > 2 and now - self.last > 0.5:
            self.last, self.shown = now, True
            print(f"\rwaiting for {now - self.begin:.0f} s; {self.what} ", end="", file=sys.stderr, flush=True)
