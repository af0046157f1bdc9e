"""Links in a folder that may come from somebody else, and be about to be written into."""

from __future__ import annotations

import os
from pathlib import Path

from runner.errors import ConfigError


def refuse_links(folder: Path) -> None:
    """Refuse a folder of which links lead elsewhere.

    Raises:
        ConfigError: with the link's name.
    """
    root = os.path.realpath(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink() and not os.path.realpath(entry.path).startswith(root + os.sep):
                raise ConfigError(
                    f"{entry.path}: a link to {os.path.realpath(entry.path)}, and what is written here must stay here. "
                    "Put what it names in its place, or keep the whole folder elsewhere."
                )


def no_link(path: str, flags: int) -> int:
    """The ``opener`` of `open` for a file that must be no link (else an OSError); nor does it wait for a pipe's end."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)
