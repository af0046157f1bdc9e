"""What git says of the working directory, without running what a repository of somebody else names.

A repository's own configuration names programs: a file system monitor, filters, drivers of diffs, transports, those of
its submodules. So only the names of its places are asked of it. Files are compared by way of an empty repository of our
own, which borrows the objects and a copy of the index and reads no configuration at all. Filters then don't act: files
that one of them changes on the way in count as changed once they are newer than the index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

_KEPT = ("GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")  # where a repository is looked for
_ALONE = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_NO_PROGRAMS = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "--no-pager")
_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")


def git_state() -> dict[str, Any]:
    """Commit of the working directory, whether files changed since (None: unknown), and how; empty outside git."""
    asked = ("HEAD", "--show-toplevel", "--git-path", "objects", "--git-path", "index")
    found = _git(*_NO_PROGRAMS, "rev-parse", *asked)
    if found is None or found.count("\n") != 4:
        return {}
    commit, top, objects, index = found.splitlines()
    patch = _changes(commit, top, Path(objects).absolute(), Path(index).absolute())
    state: dict[str, Any] = {"commit": commit, "dirty": None if patch is None else bool(patch)}
    return state | {"patch": patch} if patch else state


def _changes(commit: str, top: str, objects: Path, index: Path) -> str | None:
    """What differs from the commit in the files that git knows, as a patch; None where it can't be told."""
    with tempfile.TemporaryDirectory(prefix="runner-") as empty:
        for folder in ("objects", "refs"):
            (Path(empty) / folder).mkdir()
        (Path(empty) / "HEAD").write_text(f"{commit}\n")
        form = "" if len(commit) == 40 else "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
        (Path(empty) / "config").write_text(f"[core]\n{form}")
        if index.is_file():
            shutil.copy2(index, Path(empty) / "index")  # with its time, by which git tells what has changed since
        places = {"GIT_OBJECT_DIRECTORY": str(objects)}
        return _git(
            f"--git-dir={empty}", f"--work-tree={top}", *_NO_PROGRAMS, "diff", *_DIFF, commit, **_ALONE, **places
        )


def _git(*arguments: str, **environment: str) -> str | None:
    """What git prints; None where it fails. Nothing of the environment directs it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            timeout=10,
            check=True,
            env=own | environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")
