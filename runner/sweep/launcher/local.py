"""Warm worker processes on this machine: each runs one job at a time, and none outlives its driver."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from runner.errors import RunFailed
from runner.sweep.launcher.base import Launcher, Outcome
from runner.sweep.launcher.zygote import Zygote, cautions

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass
class _Worker:
    pid: int
    connection: Connection
    job: int | None = None
    since: float = 0.0
    deadline: float = float("inf")


class LocalLauncher(Launcher):
    """A fixed number of processes.

    They are forked from this process as it is now, by a `Zygote` that has imported what they need, so replacing one
    costs milliseconds. Threads are divided among them; where there are GPUs each sees one.

    Args:
        count: how many.
        state: handed to every job; needs no pickling.
        modules: modules that are imported once, beforehand.
    """

    def __init__(self, count: int, state: Any, modules: Sequence[str]) -> None:
        self._state, self.cautions = state, cautions()
        self._gpus = gpus() if count > 1 else []
        self.count = count
        self._share = max(1, cores() // count)
        threads = {name: str(self._share) for name in THREADS if name not in os.environ}
        self._divided = len(threads) == len(THREADS)
        self._zygote = Zygote(self._serve, modules, threads)
        self._workers: list[_Worker | None] = [None] * count

    def _spawn(self, slot: int) -> _Worker:
        worker = self._workers[slot] = _Worker(*self._zygote.fork(slot))
        return worker

    def _serve(self, slot: int, connection: Connection) -> None:
        """The life of a worker."""
        if self._gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
        if self._divided:
            share_threads(self._share)
        with contextlib.suppress(EOFError, ConnectionError):  # the driver has left, maybe without the last answer
            while True:
                connection.send_bytes(self._answer(connection.recv_bytes()))

    def _answer(self, message: bytes) -> bytes:
        """Do a job."""
        try:
            function, args = pickle.loads(message)
            return pickle.dumps(("returned", function(self._state, *args), ""))
        except KeyboardInterrupt:
            return pickle.dumps(("interrupted", None, "the sweep was stopped"))
        except BaseException as error:
            return pickle.dumps(("raised", None, in_a_line(error)))

    @property
    def jobs(self) -> list[int]:
        """The jobs that are under way."""
        return [w.job for w in self._workers if w is not None and w.job is not None]

    def _busy(self) -> list[_Worker]:
        return [w for w in self._workers if w is not None and w.job is not None]

    def elapsed(self, job: int) -> float:
        """Seconds since the job began."""
        return next((time.monotonic() - w.since for w in self._busy() if w.job == job), 0.0)

    def start(self, job: int, function: Callable[..., Any], *args: Any, timeout: float | None = None) -> None:
        """Hand the job to an idle worker; one that died in the meantime is replaced."""
        message = pickle.dumps((function, args))
        for slot, idle in enumerate(self._workers):
            if idle is None or idle.job is None:
                worker = idle or self._spawn(slot)
                try:
                    worker.connection.send_bytes(message)
                except OSError:  # it died while it was idle
                    self._kill(slot)
                    worker = self._spawn(slot)
                    worker.connection.send_bytes(message)
                worker.job, worker.since = job, time.monotonic()
                worker.deadline = worker.since + timeout if timeout else float("inf")
                return
        raise RuntimeError("no idle worker")

    def wait(self, seconds: float) -> list[Outcome]:
        """Outcomes of the jobs that ended, of those that were killed for their time too."""
        busy = {w.connection: slot for slot, w in enumerate(self._workers) if w is not None and w.job is not None}
        now = time.monotonic()
        until = min([seconds, *(w.deadline - now for w in self._busy())])
        outcomes = []
        for ready in wait(list(busy), max(0.0, until)):
            slot = busy[ready]  # type: ignore[index]
            worker = self._workers[slot]
            assert worker is not None
            try:
                kind, value, cause = pickle.loads(worker.connection.recv_bytes())
                outcomes.append(self._end(worker, kind, value, cause))
            except (EOFError, OSError):
                outcomes.append(self._end(worker, "died", None, how_it_died(self._kill(slot))))
        for slot, running in enumerate(self._workers):
            if running is not None and running.job is not None and time.monotonic() > running.deadline:
                limit = running.deadline - running.since
                outcomes.append(self._end(running, "timeout", None, f"timeout: not done after {limit:g} s"))
                self._kill(slot)
        return outcomes

    def _end(self, worker: _Worker, kind: Any, value: Any, cause: str = "") -> Outcome:
        assert worker.job is not None
        outcome = Outcome(worker.job, kind, value, cause, time.monotonic() - worker.since)
        worker.job, worker.deadline = None, float("inf")
        return outcome

    def _kill(self, slot: int) -> int:
        """End a worker; gives its exit status. The next job in its place gets a new one."""
        worker, self._workers[slot] = self._workers[slot], None
        assert worker is not None
        worker.connection.close()
        os.kill(worker.pid, signal.SIGKILL)  # it is there until the zygote is asked for its status
        return self._zygote.wait(worker.pid)

    def close(self, grace: float = 0.0) -> list[Outcome]:
        """End all processes: by SIGTERM where jobs may save themselves, then by SIGKILL."""
        outcomes = []
        if grace and self.jobs:
            for worker in self._busy():
                os.kill(worker.pid, signal.SIGTERM)
            until = time.monotonic() + grace
            while self.jobs and time.monotonic() < until:
                for ready in wait([w.connection for w in self._busy()], 0.2):
                    worker = next(w for w in self._busy() if w.connection is ready)
                    try:
                        kind, value, cause = pickle.loads(worker.connection.recv_bytes())
                        outcomes.append(self._end(worker, kind, value, cause))
                    except (EOFError, OSError):
                        worker.job = None
        for slot in (slot for slot, worker in enumerate(self._workers) if worker is not None):
            with contextlib.suppress(RunFailed):  # no zygote: no workers either
                self._kill(slot)
        self._workers = []
        self._zygote.close()
        return outcomes


def how_it_died(exitcode: int | None) -> str:
    """An exit code in words."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = " (out of memory is the usual reason)" if name == "SIGKILL" else ""
        return f"the worker was ended by {name}{hint}"
    return f"the worker ended with exit status {exitcode}"


def gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return found.stdout.split() if found.returncode == 0 else []


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_threads(count: int) -> None:
    """Let libraries that were imported before their environment was set use `count` threads."""
    if count < cores() and any(name in sys.modules for name in ("numpy", "torch")):
        import threadpoolctl

        threadpoolctl.threadpool_limits(count)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(count)


def in_a_line(error: BaseException) -> str:
    """An exception as ``ValueError: what it says``, at most 300 characters."""
    text = " ".join(str(error).split())
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:300]
