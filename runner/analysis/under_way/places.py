"""Where somebody is at work: the locks of runs and sweeps, looked at again and again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.analysis.folders import DEPTH
from runner.record.lock import Lock

Kind = Literal["run", "sweep"]
LOCKS: dict[Kind, str] = {"run": "run.lock", "sweep": "driver.lock"}


@dataclass(frozen=True)
class Place:
    """A folder in which a process is at work, or was when it ended without a word.

    Attributes:
        path: the folder.
        kind: of a run (a trial that is continued by hand is one too), or of a sweep.
        holder: the process, such as ``process 71 on node3``; None where it is gone.
    """

    path: Path
    kind: Kind
    holder: str | None

    @classmethod
    def of_sweep(cls, folder: Path) -> Place:
        """A sweep, whether somebody is at work on it or not."""
        return cls(folder, "sweep", Lock(folder / LOCKS["sweep"]).holder)

    @property
    def lock(self) -> Lock:
        """What its process holds."""
        return Lock(self.path / LOCKS[self.kind])


@dataclass
class _Known:
    """What the last look at a folder found: when it changed, and the folders in it that matter."""

    changed: int
    inside: list[Path]


@dataclass
class _Locked:
    """What the last look at a run or sweep found.

    Attributes:
        changed: when its lock was last taken or released.
        place: None where nobody is at work and nobody was cut off.
    """

    changed: int
    place: Place | None


class Places:
    """The runs and sweeps in a folder at which somebody is at work.

    Taking and releasing a lock changes its file, so that a look at a thousand runs that have ended asks a thousand
    times when their locks last changed (3 ms), and reads nothing.

    Args:
        root: the folder; links are followed as `runner.analysis.folders.find_runs` does.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[Path, _Known] = {}
        self._locks: dict[Path, _Locked] = {}

    def __len__(self) -> int:
        """How many runs and sweeps there are, at work or not; trials are counted with their sweep."""
        return len(self._locks)

    def look(self) -> list[Place]:
        """Where somebody is at work now, or was cut off, by name."""
        before, self._locks = self._locks, {}
        return [place for path in self._leaves(self.root, DEPTH) if (place := self._place(path, before)) is not None]

    def _leaves(self, folder: Path, depth: int) -> Iterator[Path]:
        """The locks at `folder` and below."""
        known = self._folders.get(folder)
        try:
            changed = os.stat(folder).st_mtime_ns
            if known is None or known.changed != changed:
                known = self._folders[folder] = _Known(changed, self._inside(folder, depth))
        except OSError:  # it has just vanished, or is not ours to read
            self._folders.pop(folder, None)
            return
        for path in known.inside:
            if path.name in LOCKS.values():
                yield path
            else:
                yield from self._leaves(path, 0 if path.is_symlink() else depth - 1)

    def _inside(self, folder: Path, depth: int) -> list[Path]:
        with os.scandir(folder) as scanned:
            entries = {entry.name: entry for entry in scanned}
        if "run.lock" in entries:
            return [folder / "run.lock"]
        of_sweep = "driver.lock" in entries
        folders = [
            folder / name
            for name in sorted(entries if depth else ())
            if entries[name].is_dir() and not name.startswith(".") and not (of_sweep and name in ("trials", "plots"))
        ]
        return [folder / "driver.lock", *folders] if of_sweep else folders

    def _place(self, path: Path, before: dict[Path, _Locked]) -> Place | None:
        try:
            about = os.lstat(path)
        except OSError:
            return None
        known = before.get(path)
        if known is None or known.changed != about.st_mtime_ns or known.place is not None:
            known = _Locked(about.st_mtime_ns, _look_at(path, about.st_size > 0))
        self._locks[path] = known
        return known.place


def _look_at(path: Path, named: bool) -> Place | None:
    """Who is at work, by a lock; one that still names its process was not released, so that was cut off."""
    kind: Kind = "run" if path.name == "run.lock" else "sweep"
    holder = Lock(path).holder
    if holder is None and kind == "sweep":  # one who continues a trial by hand shares its lock
        for trial in sorted((path.parent / "trials").glob("*/run.lock")):
            if (own := Lock(trial).holder) is not None:
                return Place(trial.parent, "run", own)
    return Place(path.parent, kind, holder) if holder is not None or named else None
