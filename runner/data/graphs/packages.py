"""Packages of Debian as its index describes them: names, sections, descriptions, and who needs whom."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunFailed

_FIELDS = ("Package", "Section", "Description", "Depends", "Pre-Depends", "Recommends")
# A name in front of a version, an architecture or an alternative.
_NAME = re.compile(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)")
_WORD = re.compile(r"[^\W\d_][\w+#]*")


class Packages(NamedTuple):
    """Packages that need one another.

    Attributes:
        names: each once, sorted.
        sections: of each, without the archive's area: ``games``, also of ``non-free/games``.
        texts: their descriptions.
        edges: who needs, and who is needed ``(2, E)`` int64; each pair once, none itself.
    """

    names: list[str]
    sections: list[str]
    texts: list[str]
    edges: NDArray[np.int64]


def index() -> bytes:
    """What ``apt-cache dumpavail`` gives on this machine.

    Raises:
        RunFailed: there is no apt, or it knows of no packages.
    """
    other = "Give a file with what it prints on a Debian system (data.path=FILE)."
    if shutil.which("apt-cache") is None:
        raise RunFailed(f"data=debian_packages: there is no apt-cache on this machine. {other}")
    done = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise RunFailed(f"data=debian_packages: apt-cache knows of no packages. Run `apt-get update` first. {other}")
    return done.stdout


def packages_of(content: bytes, source: str) -> Packages:
    """The packages of an index.

    A package needs those that its ``Depends``, ``Pre-Depends`` and ``Recommends`` name, alternatives too; names that
    are no package of the index (virtual ones) are left out. Of several versions the first counts.

    Args:
        content: stanzas of an index, in UTF-8.
        source: what it is from, for messages.

    Raises:
        RunFailed: it holds no package.
    """
    found: dict[str, dict[str, str]] = {}
    for stanza in content.decode("utf-8", "replace").split("\n\n"):
        fields = _fields(stanza)
        if "Package" in fields and "Section" in fields:
            found.setdefault(fields["Package"], fields)
    if not found:
        raise RunFailed(f"{source}: holds no package with a section. Expected what `apt-cache dumpavail` prints.")
    names = sorted(found)
    number = {name: i for i, name in enumerate(names)}
    pairs = {
        (i, number[needed])
        for i, name in enumerate(names)
        for field in ("Depends", "Pre-Depends", "Recommends")
        for needed in _NAME.findall(found[name].get(field, ""))
        if number.get(needed, i) != i
    }
    return Packages(
        names,
        [found[name]["Section"].rpartition("/")[2] for name in names],
        [found[name].get("Description", "") for name in names],
        np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T,
    )


def _fields(stanza: str) -> dict[str, str]:
    """The fields that count; a line that begins with a space goes on with the one above it."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.split("\n"):
        if line.startswith((" ", "\t")):
            if name:
                fields[name] += f" {line.strip()}"
            continue
        name, _, value = line.partition(":")
        name = name if name in _FIELDS else ""
        if name:
            fields[name] = value.strip()
    return fields


def words(text: str) -> list[str]:
    """Words of a description, in small letters."""
    return _WORD.findall(text.lower())


def read_index(path: Path | None) -> tuple[bytes, str]:
    """An index and where it is from: a file, or this machine's where there is none.

    Raises:
        RunFailed: there is none.
    """
    if path is None:
        return index(), "apt-cache dumpavail"
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        raise RunFailed(f"data.path={path}: {error.strerror}.") from error
