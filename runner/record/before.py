"""A run folder as a command found it, to be left so where nothing came of the command."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.record.files import write_bytes
from runner.record.reading import read

if TYPE_CHECKING:
    from runner.record.folder import RunFolder


class Before:
    """What stood in a run folder when this process had locked it.

    Args:
        place: the folder.
    """

    def __init__(self, place: RunFolder) -> None:
        self.place = place
        self.paths = self._paths() - ({place.lock.path} if place.lock.created else set())
        files = (place.config, place.manifest, place.metrics, place.result, place.stop, place.log)
        self.files = {path: content for path in files if (content := _content(path)) is not None}
        self.state = self._state()

    def restore(self, error: BaseException) -> None:
        """Undo what was written before `error`, unless that ended a run which was under way."""
        metrics = (_content(self.place.metrics) or b"").splitlines()
        trained = self._state() != self.state or set(metrics) - set(
            self.files.get(self.place.metrics, b"").splitlines()
        )
        result = _content(self.place.result)
        told = result is not None and result != self.files.get(self.place.result)
        if trained or (told and not isinstance(error, ConfigError)):
            return
        for path, content in self.files.items():
            if _content(path) != content:
                write_bytes(path, content)
        for path in sorted(self._paths() - self.paths):
            if ".damaged" in path.name:  # put aside: it may be all there is
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _paths(self) -> set[Path]:
        """What lies in the folder and in those in it that a run writes to again."""
        return {path for folder in (self.place.path, self.place.path / "val") for path in folder.glob("*")}

    def _state(self) -> tuple[int, ...]:
        with suppress(OSError):
            stat = os.stat(self.place.checkpoints / "last.pt")
            return stat.st_ino, stat.st_mtime_ns
        return ()


def _content(path: Path) -> bytes | None:
    """The content of a file; None where it can't be read."""
    with suppress(OSError):
        return read(path)
    return None
