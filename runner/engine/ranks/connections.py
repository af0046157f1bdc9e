"""The connections of this process to the other ranks, to be cut when it fails.

Gloo has no way to let go of them: those that wait for a message of this rank would hear of its failure only when its
process ends, and the next ones when theirs do, one after the other.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

_HERE = Path("/proc/self/fd")  # of Linux; elsewhere nothing is cut


class Connections:
    """Knows those that are made after this was.

    Args:
        store: port of the run's store, to which connections stay.
    """

    def __init__(self, store: int) -> None:
        self.store, self.before = store, set(_sockets())

    def cut(self) -> None:
        """Let everybody at their other ends hear that there is nobody here."""
        for name, number in _sockets().items():
            if name in self.before:
                continue
            with suppress(OSError), socket.socket(fileno=os.dup(number)) as connection:
                of_network = connection.family in (socket.AF_INET, socket.AF_INET6)  # not of workers on this machine
                if of_network and self.store not in (connection.getpeername()[1], connection.getsockname()[1]):
                    connection.shutdown(socket.SHUT_RDWR)


def _sockets() -> dict[str, int]:
    """Open sockets: the names that the kernel gives them, and their numbers in this process."""
    found = {}
    for entry in _HERE.iterdir() if _HERE.is_dir() else ():
        with suppress(OSError):
            if (name := os.readlink(entry)).startswith("socket:"):
                found[name] = int(entry.name)
    return found
