"""What is known of a published set before any of it is here, and where its files may lie."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RunFailed


def cache() -> Path:
    """The folder of what is fetched or made once for all runs: ``$RUNNER_DATA``, by default ``~/.cache/runner``."""
    return Path(os.path.expanduser(os.environ.get("RUNNER_DATA") or "~/.cache/runner"))


class Unavailable(Exception):
    """One way to get a set failed; the message says why."""


@dataclass(frozen=True)
class File:
    """What a file must be.

    Attributes:
        sha256: of its content, 64 hex digits.
        size: bytes.
    """

    sha256: str
    size: int


class Way(ABC):
    """A way to get the files of a set.

    Attributes:
        label: what it is, for messages.
        by_hand: what makes the set available without the runner, as part of a sentence.
        size: bytes that come over the network.
    """

    label: str
    by_hand: str
    size: int

    def lacks(self) -> str:
        """What this machine has not that it would need; empty where it has all."""
        return ""

    @abstractmethod
    def bring(self, files: Mapping[str, File], work: Path, kept: Path) -> None:
        """Put the files into a folder, not verified yet.

        Args:
            files: what is wanted, by name.
            work: an empty folder; it is removed whatever happens.
            kept: a folder for what a later try can go on from.

        Raises:
            Unavailable: it can't be done.
            OSError: the folders can't be written to.
        """


@dataclass(frozen=True, eq=False)
class Published:
    """Files that somebody publishes.

    Attributes:
        name: as typed; also the folder in the cache.
        about: what it is, in a few words.
        licence: of the content.
        files: what is wanted of it, by the name under which it is kept.
        ways: to get them, the best first.
        system: where the system's own package puts them, if there is one.
        use: the words of a command that take it, where they are not those of a data option.
    """

    name: str
    about: str
    licence: str
    files: Mapping[str, File]
    ways: tuple[Way, ...]
    system: Path | None = None
    use: str = ""

    @property
    def folder(self) -> Path:
        """Where the files are kept: ``$RUNNER_DATA/NAME``, by default ``~/.cache/runner/NAME``."""
        return cache() / self.name

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.size for file in self.files.values())

    def in_folder(self, folder: Path) -> dict[str, Path] | None:
        """The files in a folder by name, plain or gzipped; None unless all are there. Nothing is read."""
        places = {name: (folder / name, folder / f"{name}.gz") for name in self.files}
        found = {name: path for name, both in places.items() for path in both[::-1] if path.is_file()}
        return found if len(found) == len(self.files) else None

    def on_machine(self) -> dict[str, Path] | None:
        """The files in the cache or in the system's folder."""
        places = (self.folder, *((self.system,) if self.system else ()))
        return next((found for place in places if (found := self.in_folder(place))), None)

    def check(self, paths: Mapping[str, Path]) -> None:
        """See that files in the cache are what was published.

        Raises:
            RunFailed: one is not.
        """
        for name, path in paths.items():
            if wrong := differs(path, self.files[name]):
                raise RunFailed(
                    f"{path}: {wrong}: damaged or replaced. Delete it; `python -m runner fetch {self.name}` brings it "
                    "again."
                )


def differs(path: Path, file: File) -> str:
    """What a file has else than it must have; empty where it is the one."""
    if (size := path.stat().st_size) != file.size:
        return f"has {size:,} bytes, expected {file.size:,}"
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    return "" if found == file.sha256 else f"has the SHA-256 {found[:16]}..., expected {file.sha256[:16]}..."
