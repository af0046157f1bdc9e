"""A process forked from the application before the sweep begins, from which workers are forked."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import itertools
import os
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from runner.errors import RunFailed

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Zygote:
    """Forks workers on request; in each of them everything is as it was in the application when this was made.

    So whatever a task function is (a closure, a callable object, something decorated) and whatever the application has
    registered (resolvers, structured configs, callbacks) needs no importing and no pickling. It must be made before
    files are locked and threads started: a worker has the ones, and lacks the others.

    Args:
        work: what a worker does with its number and its connection; the worker ends when that returns.
        modules: imported once, so that workers need not; those that can't be are left to the job that needs them.
        environment: set before they are imported.
    """

    def __init__(
        self, work: Callable[[int, Connection], None], modules: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self._work = work
        self._requests = itertools.count()
        self._socket, theirs = socket.socketpair()
        self._connection = Connection(os.dup(self._socket.fileno()))
        ends, self._alive = os.pipe()  # nobody writes: it ends with this process

        def begin() -> None:
            for ours in (self._socket, self._connection):
                ours.close()
            os.close(self._alive)
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            os.environ.update(environment)
            for name in modules:
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
            self._serve(theirs, ends, handlers)

        self.pid = _fork_from_a_thread(begin)
        theirs.close()
        os.close(ends)

    def fork(self, number: int) -> tuple[int, Connection]:
        """A new worker: its process, and the connection to it.

        Raises:
            RunFailed: the zygote is gone.
        """
        ours, theirs = Pipe()
        pid = self._ask("fork", number, theirs.fileno())
        theirs.close()
        return pid, ours

    def wait(self, pid: int) -> int:
        """Wait until a worker has ended; gives its exit status, negative where a signal ended it."""
        return self._ask("wait", pid)

    def _ask(self, *request: Any) -> int:
        number = next(self._requests)
        try:
            *what, handle = request if request[0] == "fork" else (*request, None)
            socket.send_fds(self._socket, [b"!"], [] if handle is None else [handle])
            self._connection.send((number, *what))
            while (answer := self._connection.recv())[0] != number:
                continue  # to a question that Ctrl-C took back
        except (EOFError, OSError):
            raise RunFailed(
                "The process that the sweep's workers are forked from has ended (out of memory is the usual reason). "
                "The same command continues the sweep."
            ) from None
        return int(answer[1])

    def close(self) -> None:
        """End it."""
        if not self._connection.closed:
            os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self._connection.close()
            self._socket.close()
            os.close(self._alive)

    def _serve(self, requests: socket.socket, alive: int, handlers: Mapping[signal.Signals, Any]) -> None:
        """The life of the zygote, until the driver is gone."""
        connection = Connection(os.dup(requests.fileno()))
        with contextlib.suppress(EOFError, ConnectionError):  # it has left, maybe without the last answer
            while True:
                whole, handles, *_ = socket.recv_fds(requests, 1, 1)
                if not whole:
                    return
                number, what, argument = connection.recv()
                if what == "wait":
                    connection.send((number, os.waitstatus_to_exitcode(os.waitpid(argument, 0)[1])))
                    continue
                pid = _fork()
                if pid == 0:
                    requests.close()
                    connection.close()
                    # Ctrl-C and a closed terminal reach the whole group; the driver decides what it means. Jobs may set
                    # handlers.
                    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
                    _end_with(alive)
                    for signum, handler in handlers.items():
                        signal.signal(signum, handler)
                    _own_streams()
                    _leave_after(partial(self._work, argument, Connection(handles[0])))
                os.close(handles[0])
                connection.send((number, pid))


def cautions() -> list[str]:
    """What this process has that forked ones can't use, each with what to do about it."""
    found = []
    if others := [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]:
        found.append(
            f"this application runs threads ({', '.join(others)}), and trials, which are forked from it, don't have "
            "them. Where the task function needs one, start it there."
        )
    if _pool_of("polars-"):
        found.append(
            "this application imported polars before its sweep began, and trials, which are forked from it, lack its "
            "threads: one that reads a table with it would wait for ever. Import it in the task function, or "
            "start the sweep in a process of its own."
        )
    if _cuda_in_use():
        found.append(
            "this application called CUDA before its sweep began (outside of the task function even "
            "torch.cuda.is_available() is such a call), and trials, which are forked from it, can't use a GPU then. "
            "Call it in the task function, or set PYTORCH_NVML_BASED_CUDA_CHECK=1 where GPUs are only counted."
        )
    return found


def _pool_of(library: str) -> bool:
    """Whether native threads that carry a library's name are here (Linux tells)."""
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it has just ended
            names.append(path.read_text())
    return any(name.startswith(library) for name in names)


def _cuda_in_use() -> bool:
    """Whether something here has initialised CUDA."""
    try:
        driver = ctypes.CDLL("libcuda.so.1", mode=os.RTLD_NOLOAD)
    except (AttributeError, OSError):  # nothing here has loaded it
        return False
    not_initialized = 3
    return bool(driver.cuDeviceGetCount(ctypes.byref(ctypes.c_int())) != not_initialized)


def _fork_from_a_thread(child: Callable[[], None]) -> int:
    """Fork a process that has none of this thread's OpenMP pool: `child` is called in it.

    libgomp keeps a pool for each thread that ran a parallel region, and a fork of such a thread waits forever for the
    pool's threads, which are not there. A thread of its own has no pool, so the forked process makes a new one.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or what is buffered would be written twice
    pids: list[int] = []

    def fork() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the child has settled what they mean
        pid = _fork()
        if pid == 0:
            _leave_after(child)
        pids.append(pid)

    thread = threading.Thread(target=fork, name="fork")
    thread.start()
    thread.join()
    return pids[0]


def _leave_after(child: Callable[[], None]) -> NoReturn:
    """End this process with what `child` does: nothing of the application's own end must happen here."""
    status = 1
    try:
        child()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the threads of which `cautions` tells
        return os.fork()


def _end_with(alive: int) -> None:
    """End this process when the driver is gone, however it went and whatever runs here."""
    if sys.platform == "linux":
        # The zygote ends with the driver; the kernel then kills its children, even in code that never comes back.
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)

    def watch() -> None:
        os.read(alive, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="watch-driver").start()


def _own_streams() -> None:
    """Streams on the process's own files, whatever the application had put in their place; nothing can be typed."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
