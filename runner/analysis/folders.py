"""The folders of runs: where they lie, and their files, which may be damaged or come from somebody else."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runner.errors import ConfigError, did_you_mean_beside

DEPTH = 6  # folders below the one that is searched
LARGEST = 1 << 28  # bytes of a file that is read whole

_OF_A_RUN = {"manifest.json", "metrics.jsonl", "run.lock", "trial.json"}


def find_runs(root: Path) -> list[Path]:
    """The folders of runs and of trials of sweeps at `root` and below, by name.

    A link is followed where it leads to the folder of a run or a sweep, and no further.
    """
    return list(_found(root, DEPTH))


def runs_of(words: Sequence[str]) -> list[Path]:
    """The runs that words of a command name: their folders, a sweep's for all of its trials, or patterns of them.

    Raises:
        ConfigError: nothing lies there.
    """
    found: dict[Path, None] = {}
    for word in words:
        places = [Path(word)] if os.path.lexists(word) else sorted(_matching(word))
        if not places:
            raise ConfigError(f"{word}: there is no such folder.{did_you_mean_beside(Path(word))} `runs` lists them.")
        inside = [run for place in places for run in find_runs(place)]
        if not inside:
            raise ConfigError(f"{word}: neither a run nor a sweep lies there. `python -m runner runs` lists them.")
        found |= dict.fromkeys(inside)
    return list(found)


def _matching(pattern: str) -> list[Path]:
    import glob

    return [Path(path) for path in glob.glob(pattern)]


def _found(folder: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as scanned:
            entries = {entry.name: entry for entry in scanned}
    except OSError:  # no folder, or not ours to read
        return
    if _OF_A_RUN & entries.keys() or {"config.yaml", "checkpoints"} <= entries.keys():
        yield folder
        return
    if "sweep.yaml" in entries:
        yield from _found(folder / "trials", 1)
        return
    for name in sorted(entries) if depth else ():
        if not name.startswith(".") and entries[name].is_dir():
            yield from _found(folder / name, 0 if entries[name].is_symlink() else depth - 1)


def read(path: Path, last: int | None = None) -> bytes:
    """The content of a file.

    Args:
        path: anything may stand there; only a file is read.
        last: how many bytes of its end are wanted; None for all.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is something else, or too large to be what it should be.
    """
    # A pipe of that name would be waited for.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise OSError("it is not a file")
        if last is None and about.st_size > LARGEST:
            raise OSError(f"it has {about.st_size >> 20:,} MiB")
        if last is not None:
            file.seek(max(0, about.st_size - last))
        return file.read()


def read_json(path: Path) -> dict[str, Any]:
    """Names and values in a JSON file; none where there is no such file.

    Raises:
        ValueError: it is damaged; the message says how.
    """
    try:
        content = json.loads(read(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path.name} can't be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path.name} is damaged") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is damaged")
    return content


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of JSON lines; those that are damaged are left out, and none are there without a file.

    Raises:
        ValueError: it can't be read.
    """
    try:
        lines = read(path).splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ValueError(f"{path.name} can't be read ({error.strerror or error})") from None
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows
