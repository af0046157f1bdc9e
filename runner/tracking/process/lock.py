"""What several trials of a sweep do only once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def once(path: Path, make: Callable[[], str]) -> str:
    """The text in a file; where there is none yet, that of `make`. Others wait meanwhile, in other processes too."""
    import fcntl

    with open(path, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not (text := file.read()):
            text = make()
            file.write(text)
        return text
