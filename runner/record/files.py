"""The one atomic writer: what stands in a run folder is whole, whenever the power goes."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Say in an OSError which file it is about: that of a full disk names none."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a crash. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with named(folder):
            os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace the file at `path` by `content`: written to a temporary name, fsynced, renamed.

    Raises:
        OSError: the disk is full or the folder not writable; it names `path`. The old file is untouched and the
            temporary one removed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = str(path)  # a full disk names none
        raise
    sync_folder(path.parent)


def remove_temporary(folder: Path, where: str = "**") -> None:
    """Remove what killed writers left behind: for the one process that writes there.

    Args:
        folder: where they wrote.
        where: in which folders of it to look, as a pattern.
    """
    for name in (".*.tmp", ".*.link"):
        for path in folder.glob(f"{where}/{name}"):
            if path.is_file():
                path.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """`write_text` of indented JSON; numbers that are not finite become null, which every JSON reader takes."""
    write_text(path, json.dumps(finite(content), indent=2) + "\n")


def as_csv(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV, the names of the columns first; lines end as they do everywhere else."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(entry) for entry in value]
    return value
