"""Asking whoever is at work on a folder to stop: by a file in it, which says whom it is for.

A signal would reach processes of this machine and this user only, and might hit another one that was given the number
of one that has ended. A file works wherever the folder can be written to, and costs a look about twice a second, where
the clock is looked at anyway.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from runner.record.files import write_json
from runner.record.links import no_link

FILE = "stop.json"


def this_process() -> str:
    """What this process is called where others are told of it: ``process 71 on node3``."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@dataclass(frozen=True)
class StopRequest:
    """A wish that a run or a sweep ends, in words that its result gives as the cause.

    Attributes:
        reason: why, or from where.
        status: what the run is to end as.
        to: whom it is for, as `this_process` says; it stops nobody else, however late it is found. None: whoever finds
            it, as a pruner and `touch` have it.
    """

    reason: str = "asked to stop"
    status: Literal["pruned", "interrupted"] = "pruned"
    to: str | None = None

    @property
    def at_once(self) -> bool:
        """Whether somebody waits for the end: after the step under way then, else at the end of the epoch."""
        return self.to is not None

    def put(self, folder: Path) -> None:
        """Leave it in a folder.

        Raises:
            OSError: it can't be written to.
        """
        write_json(folder / FILE, asdict(self))


def find(folder: Path) -> StopRequest | None:
    """What a folder asks of this process; None where that is nothing. One look at the folder where there is no file."""
    found = _read(folder)
    return found if found is not None and found.to in (None, this_process()) else None


def discard(folder: Path, to: str) -> None:
    """Remove a request that was for `to`."""
    found = _read(folder)
    if found is not None and found.to == to:
        discard_old(folder)


def discard_old(folder: Path) -> None:
    """Remove what stopped an earlier process, or came too late for it: for one that has just taken the folder's lock.

    That a request says whom it is for does not suffice: in containers all processes may have one name.
    """
    with suppress(OSError):
        (folder / FILE).unlink()


def _read(folder: Path) -> StopRequest | None:
    path = folder / FILE
    if not os.path.lexists(path):
        return None
    content: Any = None
    with suppress(OSError, ValueError, RecursionError), open(path, "rb", opener=no_link) as file:
        content = json.loads(file.read(1 << 16))
    known = content if isinstance(content, dict) else {}  # as of `touch stop.json`
    to = known.get("to")
    return StopRequest(
        str(known.get("reason", StopRequest.reason)),
        "interrupted" if known.get("status") == "interrupted" else "pruned",
        to if isinstance(to, str) else None,
    )
