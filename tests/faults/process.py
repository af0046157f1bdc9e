"""Commands in processes of their own, each forked from one that has imported torch: a tenth of a second, not three."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

IMPORTED = ["torch", "hydra.main", "sklearn.datasets", "tensorboard.summary.writer.event_file_writer"]
IMPORTED += ["runner.cli.verbs", "runner.run.training", "runner.run.assembly", "runner.engine.loop"]
IMPORTED += ["runner.record.recorder", "runner.config.check", "runner.testing.comparison", "tests.faults.moments"]
IMPORTED += ["tests.composed"]
SOON = 5.0  # seconds in which what a process had started must be gone after it

Setting = Callable[[], None]


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Attributes:
        code: its exit status, negative where a signal ended it.
        out: what it printed.
        err: what it complained of.
        left: processes that it had started and that outlived it.
    """

    code: int
    out: str
    err: str
    left: tuple[int, ...]


class Started:
    """A command that was started.

    Args:
        words: what would be typed behind ``python -m runner``, or behind the application.
        cwd: where.
        settings: called in the process before the command: faults, and what makes them come at the same moment again.
        application: what is called with no arguments instead of the command line.
    """

    def __init__(
        self, words: Sequence[str], cwd: Path, *settings: Setting, application: Callable[[], None] | None = None
    ) -> None:
        self.cwd = cwd
        number = len(list(cwd.glob(".said-*.out")))
        self.said = tuple(cwd / f".said-{number}.{stream}" for stream in ("out", "err"))
        for path in self.said:
            path.touch()
        arguments = (list(words), cwd, self.said, settings, application)
        self.process: BaseProcess = _context().Process(target=_live, args=arguments)
        self.process.start()

    @property
    def pid(self) -> int:
        """Its process, the first of its session."""
        assert self.process.pid is not None
        return self.process.pid

    def until(self, seen: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for something to be seen, or for its end."""
        deadline = time.monotonic() + seconds
        while not seen() and self.process.is_alive():
            assert time.monotonic() < deadline, "never seen"
            time.sleep(0.005)

    def end(self, seconds: float = 120.0) -> Ended:
        """Wait for its end, and for that of what it started; whatever is late is killed and told of."""
        self.process.join(seconds)
        late = self.process.exitcode is None
        if late:
            os.kill(self.pid, signal.SIGKILL)
            self.process.join()
        until = time.monotonic() + SOON
        while (left := of_session(self.pid)) and time.monotonic() < until:
            time.sleep(0.02)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        out, err = (path.read_text(errors="replace") for path in self.said)
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, out, err + f"\nnot done after {seconds} s" * late, left)


def command(words: Sequence[str], cwd: Path, *settings: Setting) -> Ended:
    """Give a command and wait for its end."""
    return Started(words, cwd, *settings).end()


def of_session(session: int) -> tuple[int, ...]:
    """The processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, _, _, its = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(its) == session and state != "Z":
                    found.append(int(entry.name))
    return tuple(found)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def _live(
    words: list[str],
    cwd: Path,
    said: Sequence[Path],
    settings: Sequence[Setting],
    application: Callable[[], None] | None,
) -> None:
    """The life of such a process."""
    os.setsid()
    os.chdir(cwd)
    os.environ.pop("HYDRA_FULL_ERROR", None)
    for number, path in ((0, Path(os.devnull)), (1, said[0]), (2, said[1])):
        handle = os.open(path, os.O_RDWR | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["runner", *words]
    os.fsync = lambda file: None  # no test sees what is on the disk after a power cut; `moments` tells what would be
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for setting in settings:
        setting()
    if application is not None:
        application()
        sys.stdout.flush()
        os._exit(0)
    from runner.cli import main

    main()
