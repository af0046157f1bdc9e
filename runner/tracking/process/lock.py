"""What several trials of a sweep do only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from runner.record.links import no_link


def once(path: Path, make: Callable[[], str]) -> str:
    """The text in a file; where there is none yet, that of `make`. Others wait meanwhile, in other processes too."""
    with _held(path) as file:
        file.seek(0)
        if not (text := file.read()):
            text = make()
            file.write(text)
        return text


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Do something while no other process does, nor is in `once` with this file."""
    with _held(path):
        yield


@contextmanager
def _held(path: Path) -> Iterator[TextIO]:
    import fcntl

    with open(path, "a+", encoding="utf-8", opener=no_link) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
