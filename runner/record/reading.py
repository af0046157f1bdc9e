"""The one place where files of run folders are read: they may be damaged, come from somebody else, or be no files."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

from runner.record.yaml_text import check_unfolded

LARGEST = 1 << 28  # bytes of a file of text


def read(path: Path, last: int | None = None, largest: int | None = LARGEST) -> bytes:
    """The content of a file.

    Args:
        path: anything may stand there; only a file is read.
        last: how many bytes of its end are wanted; None for all.
        largest: bytes that a file may have of which all is wanted; None for any number.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is something else, or too large to be what it should be.
    """
    # A pipe of that name would be waited for.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            kinds = {stat.S_ISDIR: "folder", stat.S_ISFIFO: "pipe"}
            kind = next((name for is_one, name in kinds.items() if is_one(about.st_mode)), "device")
            raise OSError(errno.EINVAL, f"is a {kind}, not a file", str(path))
        if last is None and largest is not None and about.st_size > largest:
            raise OSError(errno.EFBIG, f"has {about.st_size >> 20:,} MiB", str(path))
        with open(handle, "rb", closefd=False) as file:
            if last is not None:
                file.seek(max(0, about.st_size - last))
            return file.read()
    finally:
        os.close(handle)


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


def read_yaml(path: Path) -> str:
    """The text of a YAML file, before anything is built of it.

    Raises:
        OSError: it can't be read.
        ValueError: it is no text, or stands for more than can be built; a sentence that follows its name.
    """
    try:
        text = read(path).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"is no text in UTF-8 (byte {error.start + 1:,}).") from None
    check_unfolded(text)
    return text


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
