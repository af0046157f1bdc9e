"""The folders of runs: where they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.errors import ConfigError, did_you_mean_beside

DEPTH = 6  # folders below the one that is searched

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
