"""A command in a process of its own, which has twenty seconds of the processor and an address space."""

from __future__ import annotations

import os
import resource
import select
import signal
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT = 20  # seconds of the processor; an evaluation draws for five, twice that where two share a core
PATIENCE = 40.0  # seconds on the clock: the machine may be busy
MEMORY = 16 << 30  # bytes of address space: what asks for more is told of, and takes nothing from its neighbours
EXPECTED = (0, 1, 2, 130)


@dataclass(frozen=True)
class Answer:
    """What came of a command.

    Attributes:
        words: the command.
        code: its exit status; None where it was ended, after `LIMIT` or `PATIENCE`.
        said: what it printed.
        seconds: how long it took.
    """

    words: list[str]
    code: int | None
    said: str
    seconds: float

    @property
    def finding(self) -> str | None:
        """What is wrong with the answer, in words; None where a command may end so."""
        if self.code is None:
            return f"took more than {LIMIT} seconds"
        if "Traceback (most recent call last)" in self.said:
            return f"traceback: {self.said.rstrip().splitlines()[-1]}"
        return None if self.code in EXPECTED else f"exit status {self.code}: {self.said[-300:]}"


def tried(words: list[str], place: Path) -> Answer:
    """Give a command in a folder, in a fork of this process, which should have imported what commands need."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        pid = os.fork()
        if pid == 0:
            _answer(words, place, printed.fileno())
        code = _ended(pid, begin + PATIENCE)
        printed.seek(0)
        said = printed.read().decode(errors="replace")
    return Answer(words, code, said, time.monotonic() - begin)


def _answer(words: list[str], place: Path, printed: int) -> None:
    code = 99
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(place)
        import sys

        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", errors="backslashreplace")  # noqa: SIM115
        from runner.cli.verbs import answer

        try:
            code = answer(words)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _ended(pid: int, until: float) -> int | None:
    """The exit status of a child; it and what it started are ended where it takes too long."""
    watched = os.pidfd_open(pid)
    try:
        in_time = select.select([watched], [], [], max(0.0, until - time.monotonic()))[0]
        if not in_time:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what it left behind
        return status if in_time and status not in (-signal.SIGKILL, -signal.SIGXCPU) else None
    finally:
        os.close(watched)
