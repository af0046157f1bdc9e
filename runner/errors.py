"""Errors meant for the person who typed the command, and the words in them.

The command line prints the message of a `RunnerError` as one paragraph, without a traceback, and ends with its
`exit_code`. Anything else that is raised is a defect of the program or of a plug-in and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
import os
import signal
import stat
from collections.abc import Iterable
from pathlib import Path


class RunnerError(Exception):
    """Something the user can act on; `exit_code` is the process's exit status."""

    exit_code = 1


class ConfigError(RunnerError):
    """The command or a config file is wrong: nothing was started."""

    exit_code = 2


class RunFailed(RunnerError):
    """The run was started and could not go on; what was saved before stays."""


class Interrupted(RunnerError):
    """It was asked to stop (Ctrl-C, SIGTERM, a terminal that was closed) and saved its state.

    Args:
        message: with the way to go on.
        by: name of the signal; `exit_code` is 128 and its number.
    """

    def __init__(self, message: str, by: str = "SIGINT") -> None:
        super().__init__(message)
        self.exit_code = 128 + signal.Signals.__members__.get(by, signal.SIGINT)


def printable(text: str) -> str:
    r"""A text in which what would steer a terminal stands as its escape, such as ``\x1b``; line ends stay.

    Names of columns, classes and files, comments and values may come from somebody else. What turns the direction of
    writing or is invisible could show something else than is there.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The entry of `names` most like `name`, or None when none is alike; the one that begins so, where one does."""
    names = list(names)
    begun = [entry for entry in names if len(name) > 1 and entry.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` (with a leading space) or the empty string."""
    match = nearest(name, names)
    return f" Did you mean {match!r}?" if match else ""


def did_you_mean_beside(path: Path) -> str:
    """`did_you_mean` for a file or folder that is not there, among what lies in its folder."""
    return did_you_mean(path.name, os.listdir(path.parent) if os.path.isdir(path.parent) else [])


def no_file(path: Path) -> str:
    """What is wrong with a path at which a file was expected: a sentence that follows its name."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if os.path.islink(path):
            return "is a link to nothing."
        return (
            f"there is no such file.{did_you_mean_beside(path)}"
            if error.errno == errno.ENOENT
            else f"{error.strerror}."
        )
    kinds = {stat.S_ISDIR: "folder", stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket"}
    return f"is a {next((name for is_one, name in kinds.items() if is_one(mode)), 'device')}, not a file."


def counted(number: int, noun: str) -> str:
    """A number and what it counts: ``1 epoch``, ``2,000 epochs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
