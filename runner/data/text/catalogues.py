"""Messages of programs and their translations, from compiled catalogues of gettext (``.mo``)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from runner.errors import RunFailed

_MAGIC = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
_CHARSET = re.compile(rb"charset=([\w-]+)")


def catalogues(root: Path, language: str) -> list[Path]:
    """The catalogues of a language, in the order of their names; links to others are left out."""
    folder = root / language / "LC_MESSAGES"
    return sorted(path for path in folder.glob("*.mo") if path.is_file() and not path.is_symlink())


def languages(root: Path) -> list[str]:
    """The languages below a folder that have catalogues."""
    return sorted({path.parent.parent.name for path in root.glob("*/LC_MESSAGES/*.mo")})


def messages(path: Path) -> Iterator[tuple[str, str]]:
    """Messages and their translations, of plural forms the first, without contexts and what describes the catalogue.

    Nothing in it is executed: gettext's own reader makes a function of a formula that the file holds.

    Args:
        path: the catalogue.

    Raises:
        RunFailed: it is damaged, or can't be read.

    Source: GNU gettext's manual, 1995 to 2025, section "The Format of GNU MO Files".
    """
    try:
        content = path.read_bytes()
        order = _MAGIC[content[:4]]
        number, sources, targets = struct.unpack_from(f"{order}8x3I", content)
        charset = "utf-8"
        for entry in range(number):
            source = _string(content, order, sources + 8 * entry)
            target = _string(content, order, targets + 8 * entry)
            if not source:
                found = _CHARSET.search(target)
                charset = found[1].decode() if found else charset
                continue
            message = source.split(b"\x04", 1)[-1].split(b"\0", 1)[0]
            yield message.decode(charset), target.split(b"\0", 1)[0].decode(charset)
    except (KeyError, struct.error, ValueError, LookupError) as error:
        raise RunFailed(f"{path} is no catalogue of gettext, or damaged. Leave it out: data.exclude.") from error
    except OSError as error:
        raise RunFailed(f"{path} can't be read ({error.strerror}). Leave it out: data.exclude.") from error


def _string(content: bytes, order: str, place: int) -> bytes:
    length, start = struct.unpack_from(f"{order}2I", content, place)
    if start + length > len(content):
        raise ValueError("a string reaches beyond the end of the file")
    return content[start : start + length]
