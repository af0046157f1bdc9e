"""One kind of failure: how it is brought about, what must hold then, and what came of it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.faults.process import Ended


@dataclass(frozen=True)
class Seen:
    """What came of one injection.

    Attributes:
        told: how it was reported: exit status and message.
        wrong: what does not hold, in words; empty when all does.
        lost: work that was complete and is gone, or differs from what it would have been.
        double: work that counts twice.
    """

    told: str
    wrong: Sequence[str] = ()
    lost: int = 0
    double: int = 0

    @property
    def well(self) -> bool:
        """Whether everything held."""
        return not (self.wrong or self.lost or self.double)


class Fault(ABC):
    """A row of the table.

    Attributes:
        name: what fails, and where.
        holds: what must hold, in a few words.
        quick: how many of its ways `test_faults.py` takes; 0 where other tests have it.
        slow: whether even one takes more than a few seconds.
    """

    name: ClassVar[str]
    holds: ClassVar[str]
    quick: ClassVar[int] = 1
    slow: ClassVar[bool] = False

    def missing(self) -> str | None:
        """Why it can't be injected on this machine; None where it can."""
        return None

    @abstractmethod
    def ways(self) -> Sequence[str]:
        """All ways of injecting it, each by a name."""

    @abstractmethod
    def inject(self, way: str, folder: Path) -> Seen:
        """Bring it about.

        Args:
            way: one of `ways`.
            folder: an empty folder for it.
        """


HINT = "Set the environment variable HYDRA_FULL_ERROR=1"  # Hydra's, behind every error of an application


def said(ended: Ended) -> str:
    """Exit status and the last line of complaint, without what differs from time to time."""
    lines = [line for line in ended.err.splitlines() if line.strip() and not line.startswith(HINT)]
    last = re.sub(r"(?<!\S)(?!Input/output)\S*/(?=[\w.-]+\b)", "", lines[-1]) if lines else ""
    last = re.sub(r"\d+(\.\d+)? s\b", "N s", last)
    code = f"exit {ended.code}" if ended.code >= 0 else f"killed by signal {-ended.code}"
    return f"{code}: {last}" if last and ended.code > 0 else code


def manners(ended: Ended, codes: Sequence[int] = (0,)) -> list[str]:
    """What is wrong with how a command ended: its status, a traceback, processes that it left."""
    wrong = []
    if ended.code not in codes:
        wrong.append(f"exit {ended.code}, expected {' or '.join(map(str, codes))}: {ended.err[-600:]!r}")
    if "Traceback" in ended.err + ended.out:
        wrong.append(f"a traceback: {(ended.err + ended.out)[-1500:]!r}")
    if ended.left:
        wrong.append(f"processes outlived it: {ended.left}")
    return wrong


def told_of_disk(ended: Ended) -> list[str]:
    """What is wrong with how a command told of a file that could not be written."""
    if not any(words in ended.err for words in ("No space left on device", "Input/output error")):
        return [f"the cause is not named: {ended.err[-300:]!r}"]
    return [f"the file is not named: {ended.err[-300:]!r}"] if "standard output" in ended.err else []


def leftovers(folder: Path) -> list[str]:
    """Temporary files that nobody will ever remove."""
    found = [path for pattern in ("*.tmp", ".*.link") for path in folder.rglob(pattern)]
    return [f"left behind: {path.relative_to(folder)}" for path in found]
