"""A sweep's folder: what was asked, what came of it, and who is at work on it; every file is whole at any time."""

from __future__ import annotations

import csv
import errno
import itertools
import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runner.errors import ConfigError
from runner.record import reading
from runner.record.files import remove_temporary
from runner.record.links import no_link, refuse_links
from runner.record.lock import Lock
from runner.record.stop import discard, discard_old, find, this_process
from runner.sweep.trial import Trial, from_record

ENDING = 120.0  # seconds that workers of an earlier start have to end


def patiently(action: Callable[[], None]) -> None:
    """Do something that writes; a full disk is waited for.

    A sweep that is left alone for days must not end because something else filled the disk for a while.

    Raises:
        OSError: the disk stayed full for ten minutes, or something else is wrong.
    """
    full_since: float | None = None
    while True:
        begin = time.monotonic()
        try:
            action()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            now = time.monotonic()
            if full_since is None or now - begin > 60:  # there was space meanwhile
                full_since = now
                logging.getLogger(__name__).warning("The disk is full: waiting up to ten minutes for space.")
            if now > full_since + 600:
                raise
            time.sleep(2)
        else:
            return


def write(path: Path, text: str) -> None:
    """Replace a file: written to a temporary name, fsynced, renamed. A full disk is waited for.

    Raises:
        OSError: the folder can't be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def replace() -> None:
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    patiently(replace)


class SweepFolder:
    """The files of one sweep.

    Args:
        path: the folder; made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.trials = self.path / "trials"
        self.settings = self.path / "sweep.yaml"
        self.journal = self.path / "study.journal"
        self.table = self.path / "trials.csv"
        self.points = self.path / "points.csv"
        self.best = self.path / "best.yaml"
        self.result = self.path / "result.json"
        self.driver = self.path / "driver.json"
        self.plots = self.path / "plots"
        self._lock = Lock(self.path / "driver.lock")

    def lock(self) -> None:
        """Become the one driver of this sweep; the lock goes with the process, however that ends.

        Raises:
            ConfigError: another driver is at work here, somebody continues one of its trials, or links lead out of it.
        """
        try:
            self.trials.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.path}: no folder can be made there ({error.strerror}).") from error
        for place in (self.path, self.trials):
            refuse_links(place)
        if holder := self._lock.take():
            raise ConfigError(
                f"{shown(self.path)}: another driver is at work on this sweep ({holder}). "
                "Wait for it, stop it with Ctrl-C, or give this sweep a folder of its own: hydra.sweep.dir=DIR."
            )
        discard_old(self.path)
        for path in self.trials.glob("*/run.lock"):
            if Lock(path).held and not Lock(path.with_name("job.lock")).held:
                self.unlock()
                raise ConfigError(f"{shown(path.parent)}: this trial is at work by itself. Wait for it, or stop it.")

    def wait_for_workers(self, say: Callable[[str], None]) -> None:
        """Wait until no worker of an earlier start is at work: those on other machines end a little after their driver.

        What killed ones were writing is removed then, and not before: one that is at work would miss its own file.

        Args:
            say: where that is told of.

        Raises:
            ConfigError: one goes on for more than two minutes.
        """
        at_work = [lock for path in self.trials.glob("*/job.lock") if (lock := Lock(path)).held]
        if at_work:
            say(f"waiting for workers of an earlier start to end: {', '.join(f.path.parent.name for f in at_work[:9])}")
        until = time.monotonic() + ENDING
        while at_work := [lock for lock in at_work if lock.held]:
            if time.monotonic() > until:
                raise ConfigError(
                    f"{shown(at_work[0].path.parent)}: {at_work[0].holder}, a worker of an earlier start, is still at "
                    "work on this trial. Wait for it, or end it; then give the same command again."
                )
            time.sleep(0.2)
        for where in (".", "trials/*"):
            remove_temporary(self.path, where)

    @property
    def locked(self) -> bool:
        """Whether a driver is at work here."""
        return self._lock.held

    @property
    def asked_to_stop(self) -> bool:
        """Whether somebody asked the driver, this process, to stop."""
        found = find(self.path)
        return found is not None and found.at_once

    def unlock(self) -> None:
        """Let the next driver in."""
        discard(self.path, this_process())
        self._lock.release()

    def gone(self, error: FileNotFoundError) -> str | None:
        """What to tell of a file that is missing since somebody removed this folder, or a trial's; None for others."""
        trial = Path(error.filename or ".").parent
        if not self._lock.path.exists():
            place, of, then = self.path, "sweep", "Nothing can be saved there."
        elif trial.parent == self.trials and not trial.exists():
            place, of, then = trial, "trial", "The same command continues the sweep, and runs that trial again."
        else:
            return None
        return f"{shown(place)}: this {of}'s folder is gone, removed or renamed while the sweep was at work. {then}"

    def trial_folder(self, trial: Trial) -> Path:
        """Where the trial's run lies."""
        return self.trials / trial.folder

    def create(self, trial: Trial) -> None:
        """Make the trial's folder with its record in it; both appear at once, or neither."""
        temporary = self.trials / f".{trial.number:04d}.tmp"
        patiently(lambda: temporary.mkdir(exist_ok=True))
        write(temporary / "trial.json", json.dumps(asdict(trial)))
        temporary.rename(self.trial_folder(trial))

    def save(self, trial: Trial) -> None:
        """Write the trial's record."""
        write(self.trial_folder(trial) / "trial.json", json.dumps(asdict(trial)))

    def note(self, trial: Trial, text: str) -> None:
        """Write a line at the end of the trial's output, which is there from then on."""
        with open(self.trial_folder(trial) / "output.log", "a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def load(self) -> list[Trial]:
        """All trials, by number. Folders without a whole record are none of ours and left alone."""
        return self.read()[0]

    def read(self) -> tuple[list[Trial], dict[Path, str]]:
        """All trials, by number, and the folders whose records can't be read, each with the reason."""
        found: dict[int, Trial] = {}
        bad = {}
        for file in sorted(self.trials.glob("[0-9]*/trial.json")):
            try:
                trial = from_record(json.loads(reading.read(file)), file.parent.name)
                if trial.number in found:
                    raise ValueError(f"trial {trial.number} is in {found[trial.number].folder} too")
                found[trial.number] = trial
            except (OSError, ValueError, RecursionError) as error:
                bad[file.parent] = str(error) if type(error) is ValueError else "no whole JSON"
        return [found[number] for number in sorted(found)], bad


@contextmanager
def undriven(run: Path) -> Iterator[None]:
    """Keep the sweep that a run is a trial of, where it is one, from being driven meanwhile.

    Raises:
        ConfigError: a driver is at work on it.
    """
    sweep = run.resolve().parent.parent
    if run.resolve().parent.name != "trials" or not (sweep / "sweep.yaml").is_file():
        yield
        return
    lock = Lock(sweep / "driver.lock")
    if holder := lock.take(shared=True):
        raise ConfigError(
            f"{shown(run.resolve())}: a trial of a sweep at which {holder} is at work. Wait for it, or stop it with "
            "Ctrl-C; what it ends with can be continued."
        )
    try:
        yield
    finally:
        lock.release()


def set_aside(path: Path) -> Path:
    """Rename what can't be used, so that nothing takes it for what it was; gives the new path."""
    names = itertools.chain([f"damaged-{path.name}"], (f"damaged-{i}-{path.name}" for i in itertools.count(2)))
    aside = next(free for name in names if not (free := path.with_name(name)).exists())
    path.rename(aside)
    return aside


def shown(path: Path) -> str:
    """A path as people read it: from the current directory on, where it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path != here and path.is_relative_to(here) else str(path)


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a ``trials.csv``."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def slug(overrides: Iterable[str]) -> str:
    """A folder name that tells the overrides: ``lr_0.01-optimizer_adam``, cut to 80 characters."""
    parts = []
    for line in overrides:
        key, _, text = line.partition("=")
        parts.append(f"{key.lstrip('+').rpartition('.')[2].rpartition('/')[2]}_{_short(text)}")
    plain = re.sub(r"[\[\]'\" ]", "", "-".join(parts))
    name = re.sub(r"[^A-Za-z0-9.+_-]+", "-", plain).strip("-.")
    return name[:80].rstrip("-.") or "trial"


def plain_name(words: str) -> str:
    """What can stand in the name of one folder, of words of any kind: ``lr=0.1,opt=adam``; at most 200 characters."""
    return re.sub(r"[^A-Za-z0-9.+_=,@-]+", "-", words)[:200].strip("-._")


def _short(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return text if number.is_integer() or not math.isfinite(number) else f"{number:.4g}"


class Follower:
    """Reads what a trial appends to its ``metrics.jsonl``, one whole line at a time.

    Args:
        path: the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.offset, self.identity = path, 0, -1

    def lines(self) -> list[dict[str, Any]]:
        """The lines that were added since the last call. A file that was replaced is read from its start."""
        try:
            with open(self.path, "rb", opener=no_link) as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self.identity or stat.st_size < self.offset:
                    self.identity, self.offset = stat.st_ino, 0
                if stat.st_size == self.offset:
                    return []
                file.seek(self.offset)
                whole = file.read().rpartition(b"\n")[0]
        except OSError:  # not there yet, or no file
            return []
        self.offset += len(whole) + 1 if whole else 0
        found = []
        for line in whole.splitlines():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue  # torn by a crash
            if isinstance(row, dict):
                found.append(row)
        return found
