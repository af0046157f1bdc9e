"""Files of texts that a user has."""

from collections.abc import Sequence
from pathlib import Path

from runner.errors import RunFailed


def decoded(content: bytes, path: Path) -> str:
    """The text of a file in UTF-8, with or without a mark in front.

    Raises:
        RunFailed: it is none; the line is named.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RunFailed(
            f"{path}, line {line}: it is not UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from error


def empty(texts: Sequence[str]) -> tuple[str, ...]:
    """A note on how many texts have nothing but space; none where none has."""
    number = sum(not text.strip() for text in texts)
    return (f"{number:,} of {len(texts):,} texts are empty",) if number else ()
