"""A process of its own in which a network runs, and how it is asked."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any, Self

LIMIT = 300.0  # seconds for one request


class Refused(Exception):
    """The process could not do what it was asked, and is there for other requests."""


class Gone(Exception):
    """The process ended, or was ended as it did not answer in time."""


class Worker:
    """Holds a network in a process that ends with this one, however that ends.

    Args:
        threads: CPU threads of one operation, in every library.
        limit: seconds for one request.
    """

    def __init__(self, threads: int, limit: float = LIMIT) -> None:
        self.limit = limit
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `end`
        found = os.pathsep.join(path or os.getcwd() for path in sys.path)
        number = str(threads)
        own = {"PYTHONPATH": found, "OMP_NUM_THREADS": number, "MKL_NUM_THREADS": number}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner.deploy.benchmark.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, **own, "OPENBLAS_NUM_THREADS": number},
        )
        self._heard = b""
        self._gone: Gone | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def ask(self, what: str, limit: float | None = None, **given: Any) -> dict[str, Any]:
        """Have something done, and wait for the answer.

        Args:
            what: the name of a method of `runner.deploy.benchmark.child.Asked`.
            limit: seconds; None: those of the worker.
            given: its arguments, in plain containers.

        Raises:
            Refused: it could not be done, with the reason.
            Gone: the process has ended, or did not answer in time.
        """
        if self._gone is not None:
            raise self._gone
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"what": what, **given}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None
        answer: dict[str, Any] = json.loads(self._line(self.limit if limit is None else limit))
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer

    def _line(self, limit: float) -> bytes:
        assert self._process.stdout is not None
        end = time.monotonic() + limit
        while b"\n" not in self._heard:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                self.end()
                self._gone = Gone(f"no answer within {limit:g} s")
                raise self._gone
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            if not part:
                raise self._ended()
            self._heard += part
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _ended(self) -> Gone:
        """Why the process is not there any more."""
        code = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        self.end()
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            why = ", as the system does where memory is short" if name == "SIGKILL" else ""
            self._gone = Gone(f"its process was ended by {name}{why}")
        else:
            last = f": {lines[-1]}" if lines else ""
            self._gone = Gone(f"its process ended with status {code}{last}")
        return self._gone

    def end(self) -> None:
        """End the process at once."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
