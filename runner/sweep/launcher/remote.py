"""What launchers have in common whose workers share nothing with the driver but a file system."""

from __future__ import annotations

import secrets
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from runner.errors import RunFailed
from runner.record.lock import Lock
from runner.record.stop import StopRequest, this_process
from runner.sweep.folder import shown, write
from runner.sweep.launcher.base import Launcher, Outcome
from runner.sweep.launcher.by_name import ByName
from runner.sweep.launcher.local import in_a_line

TOKEN = "launcher.token"  # in the sweep's folder: new at each start, and read by each job
APPEARS = 10.0  # seconds in which a file that one node wrote is seen by another
FREED = 120.0  # seconds that a job waits for one before it on the same trial, which is being ended
LOOK = 1.0  # seconds between looks at whether jobs that wait in a queue have begun


class Answer(NamedTuple):
    """What a worker answers.

    Attributes:
        kind: as in `Outcome`; ``unshared`` where it does not see the sweep's folder as the driver does.
        value: what the job returned.
        cause: why it did not.
        seconds: how long it took.
    """

    kind: Literal["returned", "raised", "interrupted", "unshared"]
    value: Any
    cause: str
    seconds: float


@dataclass(frozen=True)
class Work:
    """A job as it travels: what is called with the application that the worker finds by name.

    Attributes:
        application: where that is.
        token: what the driver wrote into the sweep's folder.
        function: importable by name.
        folder: the trial's.
        args: further arguments, picklable.
    """

    application: ByName
    token: str
    function: Callable[..., Any]
    folder: Path
    args: tuple[Any, ...]

    def __call__(self) -> Answer:
        """Do it, alone in the trial's folder, whatever became of an earlier job there."""
        begin = time.monotonic()

        def answer(kind: Any, value: Any = None, cause: str = "") -> Answer:
            return Answer(kind, value, cause, time.monotonic() - begin)

        if found := self._elsewhere():
            return answer("unshared", cause=found)
        lock = Lock(self.folder / "job.lock")
        while holder := lock.take():
            if time.monotonic() - begin > FREED:
                return answer("raised", cause=f"{holder}, a worker of an earlier start, is at work on this trial")
            time.sleep(0.2)
        begin = time.monotonic()
        try:
            return answer("returned", self.function(self.application.load(), self.folder, *self.args))
        except KeyboardInterrupt:
            return answer("interrupted", cause="the sweep was stopped")
        except BaseException as error:
            return answer("raised", cause=in_a_line(error))
        finally:
            lock.release()

    def _elsewhere(self) -> str | None:
        """What is wrong where this process does not see the folder as the driver does, or another driver came."""
        until, file = time.monotonic() + APPEARS, self.folder.parents[1] / TOKEN
        while True:
            try:
                if file.read_text(encoding="utf-8") == self.token:
                    return None
                found = f"{file} is another one"
            except OSError as error:
                found = f"{file}: {error.strerror}"
            if time.monotonic() > until:
                return f"{this_process()}: {found}"
            time.sleep(0.2)


@dataclass
class _Job:
    handle: Any
    folder: Path
    timeout: float
    begun: float | None = None
    looked: float = 0.0


class RemoteLauncher(Launcher):
    """Hands jobs to something that runs them on other machines.

    Each job holds ``job.lock`` in its trial's folder while it runs: so the driver knows that it has begun, and no trial
    is ever run twice at the same time, whatever becomes of drivers, nodes and queues.

    Args:
        count: how many at the same time.
        application: whose trials.
    """

    def __init__(self, count: int, application: ByName) -> None:
        self.count, self._application = count, application
        self._token = secrets.token_hex(8)
        self._jobs: dict[int, _Job] = {}
        self._opened = False

    def open(self, folder: Path) -> None:
        """Leave the token that jobs look for."""
        self._opened = True
        write(folder / TOKEN, self._token)

    @property
    def jobs(self) -> list[int]:
        """The jobs that were handed over and have not ended."""
        return list(self._jobs)

    def elapsed(self, job: int) -> float:
        """Seconds since the job began; 0 while it waits for a machine."""
        found = self._jobs.get(job)
        return 0.0 if found is None or found.begun is None else time.monotonic() - found.begun

    def start(
        self, job: int, function: Callable[..., Any], folder: Path, *args: Any, timeout: float | None = None
    ) -> None:
        """Hand the job over."""
        if not self.idle:
            raise RuntimeError("no idle worker")
        handle = self._submit(Work(self._application, self._token, function, folder, args))
        self._jobs[job] = _Job(handle, folder, timeout or float("inf"))

    def wait(self, seconds: float) -> list[Outcome]:
        """Outcomes of the jobs that ended, of those that were killed for their time too.

        Raises:
            RunFailed: a machine does not see the sweep's folder.
        """
        outcomes = []
        for number, answer in self._ended({number: job.handle for number, job in self._jobs.items()}, seconds).items():
            if isinstance(answer, str):
                outcomes.append(Outcome(number, "lost", cause=answer, seconds=self.elapsed(number)))
            elif answer.kind == "unshared":
                sweep = shown(self._jobs[number].folder.parents[1])
                raise RunFailed(
                    f"{sweep}: not every machine sees this folder as this one does ({answer.cause}). Trials on several "
                    "machines need a file system that all of them share: hydra.sweep.dir=DIR on one, or "
                    "hydra/launcher=local."
                )
            else:
                outcomes.append(Outcome(number, answer.kind, answer.value, answer.cause, answer.seconds))
            del self._jobs[number]
        for number, job in list(self._jobs.items()):
            self._look(job)
            if (seconds := self.elapsed(number)) > job.timeout:
                self._kill(job.handle)
                del self._jobs[number]
                outcomes.append(Outcome(number, "timeout", None, f"timeout: not done after {job.timeout:g} s", seconds))
        return outcomes

    def _look(self, job: _Job) -> None:
        """Whether it has begun."""
        now = time.monotonic()
        if job.begun is None and now - job.looked > LOOK:
            job.looked = now
            job.begun = now if Lock(job.folder / "job.lock").held else None

    def close(self, grace: float = 0.0) -> list[Outcome]:
        """End all jobs; where they may save themselves they are asked to by a file in their folders."""
        outcomes: list[Outcome] = []
        if grace:
            for number, job in list(self._jobs.items()):
                if holder := Lock(job.folder / "job.lock").holder:
                    StopRequest("the sweep was stopped", "interrupted", holder).put(job.folder)
                else:  # it waits for a machine
                    self._kill(job.handle)
                    del self._jobs[number]
                    outcomes.append(Outcome(number, "interrupted", cause="the sweep was stopped"))
            until = time.monotonic() + grace
            while self._jobs and time.monotonic() < until:
                outcomes += self.wait(0.2)
        for job in self._jobs.values():
            self._kill(job.handle)
        self._jobs = {}
        if self._opened:
            self._shut()
        self._opened = False
        return outcomes

    @abstractmethod
    def _submit(self, work: Work) -> Any:
        """Have it done somewhere; gives a handle."""

    @abstractmethod
    def _ended(self, handles: Mapping[int, Any], seconds: float) -> dict[int, Answer | str]:
        """What the jobs that ended answered, or why one did not; waits up to `seconds` for the first."""

    @abstractmethod
    def _kill(self, handle: Any) -> None:
        """End a job, wherever it is."""

    def _shut(self) -> None:
        """No more jobs will be handed over."""
