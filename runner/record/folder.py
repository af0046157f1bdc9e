"""One run's folder and the files that its contract names."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runner.errors import ConfigError, RunFailed, no_file
from runner.record.before import Before
from runner.record.files import finite, named, remove_temporary, write_bytes, write_json, write_text
from runner.record.links import refuse_links
from runner.record.lock import Lock
from runner.record.reading import read
from runner.record.stop import discard_old


def make(folder: Path) -> None:
    """Make a folder, unless it is there, and try whether it can be written to.

    Raises:
        ConfigError: it can't.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = "there is a file of that name" if isinstance(error, FileExistsError) else error.strerror
        raise ConfigError(f"{folder}: can't be written to ({what}). Expected a folder of yours.") from error


def claim(parent: Path, name: str) -> Path:
    """Make a new folder ``parent/name``, or ``name-2``, ``name-3``, ... when that is taken.

    ``mkdir`` either makes the folder or fails, so two processes never get the same one.

    Raises:
        ConfigError: `parent` can't be written to.
    """
    make(parent)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        except FileNotFoundError:  # another run was refused, and took the empty folder away that both had needed
            make(parent)
        except OSError as error:
            raise ConfigError(f"{folder}: can't be made ({error.strerror}).") from error
        else:
            return folder


@contextmanager
def kept_when_started(place: Path) -> Iterator[list[Path]]:
    """Leave no folder behind where nothing was started in it.

    Args:
        place: a folder that will be made, with those around it, unless they are there.

    Yields:
        The folders that are not there yet, outermost first; what is made besides is added by the one who makes it.
        At the end those of them that are empty are removed.
    """
    absent = [folder for folder in (place, *place.parents) if not os.path.lexists(folder)][::-1]
    try:
        yield absent
    finally:
        for folder in reversed(absent):
            with suppress(OSError):
                folder.rmdir()


class RunFolder:
    """The files of one run.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.manifest = self.path / "manifest.json"
        self.metrics = self.path / "metrics.jsonl"
        self.result = self.path / "result.json"
        self.log = self.path / "run.log"
        self.stop = self.path / "stop.json"
        self.checkpoints = self.path / "checkpoints"
        self.lock = Lock(self.path / "run.lock")
        self.notes: list[str] = []

    @classmethod
    def existing(cls, path: str | Path) -> RunFolder:
        """The folder of a run that was started before.

        Raises:
            ConfigError: `path` is no run folder.
        """
        folder = cls(path)
        if not os.path.isfile(folder.config) and not os.path.isfile(folder.checkpoints / "last.pt"):
            what = "is not a run folder (it has no config.yaml)" if os.path.exists(path) else "does not exist"
            raise ConfigError(
                f"{path}: {what}. Give the folder that a run printed in its last line, such as outputs/runs/...."
            )
        return folder

    def refuse_second_run(self) -> None:
        """Refuse to start a run where there is one.

        Raises:
            ConfigError: with the way to continue it.
        """
        if self.config.exists():
            raise ConfigError(
                f"{self.path}: holds a run already. Continue it with `python -m runner resume {self.path}`, "
                "or choose another hydra.run.dir."
            )

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the one process that writes here; where the command turns out to be wrong, nothing was.

        Raises:
            ConfigError: another process is at work on this run, or links lead out of the folder.
            RunFailed: somebody removed the folder meanwhile.
        """
        refuse_links(self.path)
        if holder := self.lock.take():
            raise ConfigError(
                f"{self.path}: {holder} is at work on this run. Wait for it to end, or stop it with "
                f"`python -m runner stop {self.path}`, which saves its state."
            )
        remove_temporary(self.path)
        before = Before(self)
        discard_old(self.path)
        try:
            yield
        except (ConfigError, KeyboardInterrupt) as error:
            before.restore(error)
            raise
        except FileNotFoundError as error:
            if self.path.is_dir():
                raise
            raise RunFailed(
                f"{self.path}: the folder of this run is gone. It was removed or renamed while the run was at work, "
                "and nothing can be saved there."
            ) from error
        finally:
            self.lock.release()

    def create(self, config: str) -> None:
        """Start a new run here.

        Raises:
            ConfigError: there is a run here already.
        """
        self.refuse_second_run()
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        write_text(self.config, config)

    def create_again(self, config: str) -> None:
        """Continue the run here, with limits that may have changed."""
        self.checkpoints.mkdir(exist_ok=True)
        write_text(self.config, config)

    def read_json(self, path: Path) -> dict[str, Any]:
        """One of the JSON files; empty when it is not there yet.

        Raises:
            ConfigError: it is not what a run has written.
        """
        try:
            content: Any = json.loads(read(path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{path}: can't be read ({error.strerror}).") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}: damaged, it is not valid JSON ({error}).") from error
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: damaged, expected names and values in it.")
        return content

    def update_manifest(self, **entries: Any) -> None:
        """Change entries of ``manifest.json``; a damaged one is put aside, as it tells nothing a run needs."""
        write_json(self.manifest, self.mended(self.manifest) | entries)

    def mended(self, path: Path) -> dict[str, Any]:
        """`read_json`; a file that is damaged is put aside under another name, and nothing is in it."""
        try:
            return self.read_json(path)
        except ConfigError as error:
            self.put_aside(path, str(error))
            return {}

    def put_aside(self, path: Path, why: str) -> None:
        """Give what stands at `path` another name, so that nothing is lost and a file can be written there."""
        number = 1
        while os.path.lexists(aside := path.with_name(f"{path.name}.damaged{number if number > 1 else ''}")):
            number += 1
        os.replace(path, aside)
        self.tell(f"{why} It is kept as {aside.name}.")

    def tell(self, note: str) -> None:
        """Keep a word on what was found here, for whoever continues the run."""
        self.notes.append(note)

    @property
    def has_states(self) -> bool:
        """Whether there are files of states to go on from, whole or not."""
        return any(os.path.lexists(self.checkpoints / name) for name in ("last.pt", "last.pt.previous"))

    def start_over(self) -> None:
        """Keep what there is under other names, where no state is left to go on from.

        Raises:
            ConfigError: states were kept.
        """
        if kept := sorted(path.stem for path in self.checkpoints.glob("epoch-*.pt")):
            raise ConfigError(
                f"{self.checkpoints / 'last.pt'}: damaged or gone, and so is the one before it. Go on from a state "
                f"that was kept: --from {kept[-1]}."
            )
        why = "no state is left to go on from, and the run starts over."
        if self.checkpoints.is_dir() and any(self.checkpoints.iterdir()):
            self.put_aside(self.checkpoints, f"{self.checkpoints}: {why}")
        if self.metrics.exists():
            self.put_aside(self.metrics, f"{self.metrics}: {why}")

    def mend(self, lost: str | None) -> None:
        """Make a folder in which files were damaged one that a run can go on in; `notes` say what was done.

        Args:
            lost: what is wrong with ``config.yaml``; None where it is whole.
        """
        if lost and os.path.isfile(self.config):
            self.put_aside(self.config, lost)
        elif lost:
            self.tell(lost)
        for path in (self.manifest, self.result):
            self.mended(path)
        names = [f"{name}.pt{suffix}" for name in ("last", "best") for suffix in ("", ".sha256", ".previous")]
        states = [self.checkpoints / name for name in names]
        for path in (self.config, self.metrics, self.stop, self.log, *states):
            if os.path.lexists(path) and not os.path.isfile(path):
                self.put_aside(path, f"{path}: {no_file(path)}")

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add the line of an epoch to ``metrics.jsonl``, in one write."""
        line = json.dumps(finite(row)) + "\n"
        with named(self.metrics), open(self.metrics, "a") as file:
            file.write(line)

    def sync_metrics(self) -> None:
        """Make the lines written so far survive a crash; asked before a checkpoint that relies on them."""
        if self.metrics.exists():
            with named(self.metrics), open(self.metrics, "a") as file:
                os.fsync(file.fileno())

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``, but for those that are damaged; a crash tears the last one."""
        return self._read_metrics()[0]

    def _read_metrics(self) -> tuple[list[dict[str, Any]], list[int]]:
        """Rows, and the numbers of damaged lines before the last one."""
        rows, damaged = [], []
        try:
            lines = read(self.metrics).split(b"\n") if self.metrics.exists() else []
        except OSError as error:
            raise ConfigError(f"{self.metrics}: can't be read ({error.strerror}).") from error
        for number, line in enumerate(lines, start=1):
            row = _row(line)
            if row is not None:
                rows.append(row)
            elif line.strip() and number < len(lines):
                damaged.append(number)
        return rows, damaged

    def drop_metrics_after(self, step: int, epoch: int) -> list[dict[str, Any]]:
        """Keep the lines up to a checkpoint that was taken at `step`, with `epoch` epochs completed.

        Returns:
            The lines that were dropped.
        """
        rows, damaged = self._read_metrics()
        if damaged:
            text = read(self.metrics)
            which = f"line{'s' if len(damaged) > 1 else ''} {', '.join(map(str, damaged[:5]))}"
            self.put_aside(self.metrics, f"{self.metrics}: damaged in {which}; all others are taken.")
            write_bytes(self.metrics, text)
        kept = [row for row in rows if row["step"] <= step and row["epoch"] <= epoch]
        if self.metrics.exists():
            write_text(self.metrics, "".join(json.dumps(row) + "\n" for row in kept))
        return [row for row in rows if row not in kept]


def _row(line: bytes) -> dict[str, Any] | None:
    """A line of ``metrics.jsonl``; None where it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(row, dict) and all(type(row.get(name)) is int for name in ("epoch", "step"))
    return row if whole else None
