"""What the driver asks of whatever runs its trials: ``open``, ``start``, ``wait``, ``close``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: the key that it was given to `Launcher.start` with.
        kind: ``returned``, ``raised``, ``interrupted`` (by a signal), ``died`` (the process ended), ``timeout`` (it was
            killed) or ``lost`` (its machine or its job was, which need not be the trial's doing).
        value: what the job returned.
        cause: one line that tells why, of what did not return.
        seconds: time between start and end.
    """

    job: int
    kind: Literal["returned", "raised", "interrupted", "died", "timeout", "lost"]
    value: Any = None
    cause: str = ""
    seconds: float = 0.0


class Launcher(ABC):
    """Runs jobs, a number of them at the same time.

    Attributes:
        count: how many at the same time.
        cautions: what jobs can't do as the application could, each with what to do about it.
    """

    count: int
    cautions: Sequence[str] = ()

    def check(self) -> None:  # noqa: B027  # not all have to
        """Raise `runner.errors.ConfigError` where this machine lacks what is needed; called before anything is made."""

    def open(self, folder: Path) -> None:  # noqa: B027
        """Begin to work; called once, before any job is started.

        Args:
            folder: the sweep's.

        Raises:
            ConfigError: what the launcher needs is not there.
        """

    @property
    def idle(self) -> int:
        """How many more jobs can be started now; elsewhere, handed over, which is not to say that they begin."""
        return self.count - len(self.jobs)

    @property
    @abstractmethod
    def jobs(self) -> list[int]:
        """The jobs that are under way."""

    @abstractmethod
    def elapsed(self, job: int) -> float:
        """Seconds since the job began."""

    @abstractmethod
    def start(
        self, job: int, function: Callable[..., Any], folder: Path, *args: Any, timeout: float | None = None
    ) -> None:
        """Run ``function(state, folder, *args)``, `state` being the application that the launcher was made with.

        Args:
            job: a key for `Outcome.job`.
            function: importable by name.
            folder: the trial's.
            args: picklable.
            timeout: seconds after which the job is killed.

        Raises:
            RuntimeError: `idle` is 0.
            RunFailed: no job can be started any more.
        """

    @abstractmethod
    def wait(self, seconds: float) -> list[Outcome]:
        """Outcomes of the jobs that ended; waits up to `seconds` for the first."""

    @abstractmethod
    def close(self, grace: float = 0.0) -> list[Outcome]:
        """End whatever is under way; nothing can be started any more.

        Args:
            grace: seconds that jobs have to save themselves before they are killed.

        Returns:
            Outcomes of the jobs that ended in that time.
        """
