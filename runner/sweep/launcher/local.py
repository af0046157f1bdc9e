"""Warm worker processes on this machine: each runs one job at a time, and none outlives its driver."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from runner.sweep.launcher.base import Launcher, Outcome

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass
class _Worker:
    process: Any
    connection: Connection
    job: int | None = None
    since: float = 0.0
    deadline: float = float("inf")


class LocalLauncher(Launcher):
    """A fixed number of processes.

    They are forked from a server that has imported the task once (forkserver), so replacing one costs milliseconds.
    Threads are divided among them; where there are GPUs each sees one.

    Args:
        count: how many.
        setup: called once in each new process; its result is handed to every job there.
        modules: modules that the server imports beforehand.
    """

    def __init__(self, count: int, setup: Callable[[], Any], modules: list[str]) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", __name__, *modules])
        self._setup = pickle.dumps(setup)
        self._gpus = gpus() if count > 1 else []
        self.count = count
        self._threads = {name: str(max(1, cores() // count)) for name in THREADS if name not in os.environ}
        self._workers: list[_Worker] = []
        try:
            with _environment(self._threads):
                _start_server()
                for slot in range(count):
                    self._workers.append(self._spawn(slot))
        except BaseException:  # Ctrl-C, while the server imports
            self.close()
            raise

    def _spawn(self, slot: int) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._setup, self._environment(slot)), name=f"worker-{slot}"
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _environment(self, slot: int) -> dict[str, str]:
        gpu = {"CUDA_VISIBLE_DEVICES": self._gpus[slot % len(self._gpus)]} if self._gpus else {}
        return self._threads | gpu

    @property
    def idle(self) -> int:
        """How many processes have nothing to do."""
        return sum(w.job is None for w in self._workers)

    @property
    def jobs(self) -> list[int]:
        """The jobs that are under way."""
        return [w.job for w in self._workers if w.job is not None]

    def elapsed(self, job: int) -> float:
        """Seconds since the job began."""
        return next((time.monotonic() - w.since for w in self._workers if w.job == job), 0.0)

    def start(self, job: int, function: Callable[..., Any], *args: Any, timeout: float | None = None) -> None:
        """Hand the job to an idle worker; one that died in the meantime is replaced."""
        message = pickle.dumps((function, args))
        for slot, worker in enumerate(self._workers):
            if worker.job is None:
                try:
                    worker.connection.send_bytes(message)
                except OSError:  # it died while it was idle
                    worker = self._replace(slot)
                    worker.connection.send_bytes(message)
                worker.job, worker.since = job, time.monotonic()
                worker.deadline = worker.since + timeout if timeout else float("inf")
                return
        raise RuntimeError("no idle worker")

    def wait(self, seconds: float) -> list[Outcome]:
        """Outcomes of the jobs that ended, of those that were killed for their time too."""
        busy = {w.connection: slot for slot, w in enumerate(self._workers) if w.job is not None}
        now = time.monotonic()
        until = min([seconds, *(w.deadline - now for w in self._workers if w.job is not None)])
        outcomes = []
        for ready in wait(list(busy), max(0.0, until)):
            slot = busy[ready]  # type: ignore[index]
            worker = self._workers[slot]
            try:
                kind, value, cause = pickle.loads(worker.connection.recv_bytes())
                outcomes.append(self._end(worker, kind, value, cause))
            except (EOFError, OSError):
                worker.process.join(5)
                outcomes.append(self._end(worker, "died", None, how_it_died(worker.process.exitcode)))
                self._replace(slot)
        for slot, worker in enumerate(self._workers):
            if worker.job is not None and time.monotonic() > worker.deadline:
                limit = worker.deadline - worker.since
                outcomes.append(self._end(worker, "timeout", None, f"timeout: not done after {limit:g} s"))
                self._replace(slot)
        return outcomes

    def _end(self, worker: _Worker, kind: Any, value: Any, cause: str = "") -> Outcome:
        assert worker.job is not None
        outcome = Outcome(worker.job, kind, value, cause, time.monotonic() - worker.since)
        worker.job, worker.deadline = None, float("inf")
        return outcome

    def _replace(self, slot: int) -> _Worker:
        self._kill(self._workers[slot])
        self._workers[slot] = self._spawn(slot)
        return self._workers[slot]

    def _kill(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.connection.close()

    def close(self, grace: float = 0.0) -> list[Outcome]:
        """End all processes: by SIGTERM where jobs may save themselves, then by SIGKILL."""
        outcomes = []
        if grace and self.jobs:
            for worker in self._workers:
                if worker.job is not None:
                    worker.process.terminate()
            until = time.monotonic() + grace
            while self.jobs and time.monotonic() < until:
                for ready in wait([w.connection for w in self._workers if w.job is not None], 0.2):
                    worker = next(w for w in self._workers if w.connection is ready)
                    try:
                        kind, value, cause = pickle.loads(worker.connection.recv_bytes())
                        outcomes.append(self._end(worker, kind, value, cause))
                    except (EOFError, OSError):
                        worker.job = None
        for worker in self._workers:
            self._kill(worker)
        self._workers = []
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


def _start_server() -> None:
    """Start the process that workers are forked from, deaf to Ctrl-C, which reaches the whole group.

    It ignores Ctrl-C itself, but only once its imports are done.
    """
    resource_tracker.ensure_running()  # it unblocks the signal when it starts, so it must be there before
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a mask is inherited
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(added: dict[str, str]) -> Iterator[None]:
    """The fork server keeps the environment it is started in, and libraries read it when it imports them."""
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _serve(connection: Connection, setup: bytes, environment: dict[str, str]) -> None:
    """The life of a worker."""
    _die_with_the_driver()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides what it means
    os.environ.update(environment)
    state: Any = None
    ready = False
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return
        try:
            if not ready:
                state, ready = pickle.loads(setup)(), True
            function, args = pickle.loads(message)
            answer = pickle.dumps(("returned", function(state, *args), ""))
        except KeyboardInterrupt:
            answer = pickle.dumps(("raised", None, "interrupted"))
        except BaseException as error:
            answer = pickle.dumps(("raised", None, in_a_line(error)))
        connection.send_bytes(answer)


def in_a_line(error: BaseException) -> str:
    """An exception as ``ValueError: what it says``, at most 300 characters."""
    text = " ".join(str(error).split())
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:300]


def _die_with_the_driver() -> None:
    """End this process when the driver is gone, however it went and whatever runs here."""
    if sys.platform == "linux":
        # The server ends with the driver; the kernel then kills its children, even in code that never comes back.
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="watch-driver").start()
