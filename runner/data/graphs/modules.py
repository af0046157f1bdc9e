"""Modules of Python and their imports: the graph of a library."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Parsing the whole library into syntax trees takes 7 s, these expressions 1 s. They also find an import that a
# docstring shows without a prompt, and miss names behind a backslash at the end of a line.
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n#;]*)|import[ \t]+([^\n#;]*))", re.MULTILINE
)
_NAME = re.compile(r"([\w.]+)(?:\s+as\s+\w+)?")
_COMMENT = re.compile(r"#.*")
_WORD = re.compile(r"[A-Za-z_]\w*")


class Graph(NamedTuple):
    """Modules that import one another.

    Attributes:
        names: of the modules, each once.
        texts: their sources.
        edges: the number of who imports, and of who is imported ``(2, E)`` int64; each pair once, none to itself.
    """

    names: list[str]
    texts: list[str]
    edges: NDArray[np.int64]


def graph_of(root: Path, leave_out: frozenset[str]) -> Graph:
    """The graph of a library.

    Args:
        root: its folder.
        leave_out: names of folders that are not read.
    """
    paths = [path for path in sorted(root.rglob("*.py")) if leave_out.isdisjoint(path.relative_to(root).parts)]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in paths]
    places = [path.relative_to(root).with_suffix("").parts for path in paths]
    names = [".".join(place[:-1] if place[-1] == "__init__" else place) for place in places]
    number = {name: i for i, name in enumerate(names)}
    pairs = {
        (i, number[target])
        for i, (text, place) in enumerate(zip(texts, places, strict=True))
        for target in imports(text, place[:-1])
        if number.get(target, i) != i
    }
    return Graph(names, texts, np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T)


def imports(text: str, package: tuple[str, ...]) -> Iterator[str]:
    """The modules that a source names in its imports, and what may be one: ``from a import b`` gives a and a.b.

    Args:
        text: the source.
        package: the package around the module, which relative imports start from.
    """
    for base, names, plain in _IMPORT.findall(text):
        if not base:
            yield from _NAME.findall(_COMMENT.sub("", plain))
            continue
        below = base.lstrip(".")
        dots = len(base) - len(below)
        around = package[: len(package) - dots + 1] if dots else ()
        base = ".".join((*around, below) if below else around)
        yield base
        for name in _NAME.findall(_COMMENT.sub("", names)):
            yield f"{base}.{name}"


def words(text: str) -> list[str]:
    """Identifiers, keywords and words of comments, in their order; without those of imports, which the edges tell."""
    return _WORD.findall(_IMPORT.sub("", text))
