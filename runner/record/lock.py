"""One process at a time in a folder: a lock that goes with its holder, however that ends."""

from __future__ import annotations

import logging
import os
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO

from runner.errors import ConfigError
from runner.record.links import no_link
from runner.record.stop import this_process

NAMELESS = "another process"  # who is just about to take a lock, or to let go of it
PATIENCE = 0.1  # seconds; who merely looks whether somebody has a lock has it for an instant

_held: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """A lock on a file, which stays where it is: were it deleted, two could hold a lock of the same name.

    The kernel lets go of it when the process ends. What is started from there (workers that read data, git) does not
    hold it on: the file is closed in every child.

    Args:
        path: the file; its folder must exist. It says who holds it.

    Attributes:
        created: whether the file was not there before.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.created = path, False
        self._file: IO[str] | None = None

    def take(self, shared: bool = False) -> str | None:
        """Take the lock.

        Args:
            shared: beside others who share it; nobody can have it alone meanwhile.

        Returns:
            Who has it, such as ``process 71 on node3``; None where it is taken now. On a file system that has no locks
            it counts as taken.

        Raises:
            ConfigError: the file can't be written to.
        """
        if os.name == "nt":  # which has no such call
            return None
        import fcntl

        existed = os.path.lexists(self.path)
        try:
            # for as long as it is held
            file = open(self.path, "a+", encoding="utf-8", errors="replace", opener=no_link)  # noqa: SIM115
        except OSError as error:
            raise ConfigError(f"{self.path}: can't be written to ({error.strerror}).") from error
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(PATIENCE / 10)
                    continue
                with file:
                    file.seek(0)
                    return file.read(200).strip() or NAMELESS
            except OSError as error:
                logging.getLogger(__name__).warning("%s: no locks on this file system (%s)", self.path, error.strerror)
            break
        self._file, self.created = file, not existed
        _held.add(self)
        with suppress(OSError):  # on a full disk
            file.truncate(0)
            file.write(this_process())
            file.flush()
        return None

    @property
    def held(self) -> bool:
        """Whether another process has it, and has it alone."""
        return self.holder is not None

    @property
    def holder(self) -> str | None:
        """Who has it alone, as `take` says; None where nobody has."""
        import fcntl

        try:
            with open(self.path, "rb", opener=no_link) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others may look at the same time
                except BlockingIOError:
                    return file.read(200).decode(errors="replace").strip() or NAMELESS
        except OSError:  # there is none, or it is somebody else's
            return None
        return None

    def release(self) -> None:
        """Let the next one in."""
        if self._file is not None:
            with suppress(OSError):
                self._file.truncate(0)
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        if self._file is not None:
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, self._file.fileno(), inheritable=False)
            os.close(nothing)


def _in_child() -> None:
    for lock in list(_held):
        lock._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
