"""Texts in files of a user, read one by one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError, no_file

JSON_LINES = (".jsonl", ".ndjson", ".json")


def read_texts(sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
    """Texts from files, in their order; what can't be read is given in its place.

    Args:
        sources: text files, each line of which is a text; files of JSON lines ``{"text": ...}`` (``.jsonl``,
            ``.ndjson``, ``.json``); folders, each ``.txt`` file below which is a text; ``-``, the standard input, has
            lines of either form. UTF-8.
        size: texts that are given at once, at most.

    Raises:
        ConfigError: there is no such file, or a folder has no texts.
    """
    for source in sources:
        _check(source)
    texts: list[str] = []
    places: list[str] = []
    for source in sources:
        for place, content in _contents(source):
            found = _text(place, content, _form(source)) if isinstance(content, bytes) else content
            if isinstance(found, str):
                texts.append(found)
                places.append(place)
            if texts and (len(texts) == size or isinstance(found, Bad)):
                yield Raw(texts, places)
                texts, places = [], []
            if isinstance(found, Bad):
                yield found
    if texts:
        yield Raw(texts, places)


def _check(source: str) -> None:
    path = Path(source)
    if source == "-" or path.is_file():
        return
    if not path.is_dir():
        raise ConfigError(
            f"{source}: {no_file(path)} Expected a file of text lines or JSON lines, a folder of .txt files, or -."
        )
    if next(path.rglob("*.txt"), None) is None:
        raise ConfigError(f"{source}: there is no .txt file in this folder. Expected some, each of them a text.")


def _form(source: str) -> str:
    """How a piece is to be read: as JSON, as it is, or (of the standard input) as what it looks like."""
    if source == "-":
        return "either"
    return "json" if Path(source).suffix in JSON_LINES else "text"


def _contents(source: str) -> Iterator[tuple[str, bytes | Bad]]:
    """Pieces with their places."""
    if source == "-":
        yield from _lines("-", sys.stdin.buffer)
    elif Path(source).is_dir():
        for path in sorted(Path(source).rglob("*.txt")):
            if not path.is_file():
                yield str(path), Bad(str(path), no_file(path))
                continue
            try:
                yield str(path), path.read_bytes()
            except OSError as error:
                yield str(path), Bad(str(path), f"it can't be read ({error.strerror}).")
    else:
        with Path(source).open("rb") as file:
            yield from _lines(source, file)


def _lines(name: str, file: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(file, start=1):
        yield f"{name}:{number}", line.rstrip(b"\r\n")


def _text(place: str, content: bytes, form: str) -> str | Bad:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Bad(place, f"it is not UTF-8 ({error.reason} at byte {error.start}).")
    if form == "text" or (form == "either" and not text.startswith("{")):
        return text
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError) as error:
        return text if form == "either" else Bad(place, f"it is no JSON ({error}).")
    if isinstance(entry, dict) and isinstance(entry.get("text"), str):
        return str(entry["text"])
    return text if form == "either" else Bad(place, 'it has no text; expected {"text": "..."}.')
