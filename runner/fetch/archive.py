"""Named members of an archive, and nothing else of it.

No name in an archive is ever taken for a path, so that none leads out of a folder; no link in it is followed, and no
more is unpacked than was said beforehand, so that a small file can't fill the disk.
"""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from runner.fetch.published import File, Unavailable

CHUNK = 2**18  # bytes
SPARE = 64 * 2**20  # bytes that may be unpacked on the way to what is wanted
BROKEN = (EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, NotImplementedError)


def copy(
    source: IO[bytes] | gzip.GzipFile, target: Path, size: int, hear: Callable[[int], None] = lambda _: None
) -> None:
    """The rest of an open file into a new one.

    Args:
        source: what is read.
        target: the new file.
        size: bytes that are expected.
        hear: takes how many there are so far.

    Raises:
        Unavailable: there are more; reading ends there.
    """
    done = 0
    with target.open("wb") as file:
        while content := source.read(min(CHUNK, size - done + 1)):
            done += len(content)
            if done > size:
                raise Unavailable(f"{target.name} is longer than the {size:,} bytes that were expected")
            file.write(content)
            hear(done)


def gunzip(archive: Path, target: Path, size: int) -> None:
    """A gzipped file into a new one, `size` bytes long.

    Raises:
        Unavailable: it is damaged, or longer.
    """
    try:
        with gzip.open(archive) as source:
            copy(source, target, size)
    except BROKEN as error:
        raise Unavailable(f"{archive.name} is damaged: {error}") from error


def members(archive: Path, named: Mapping[str, str], files: Mapping[str, File], folder: Path) -> None:
    """Members of a zip or tar archive into a folder, each under its own name.

    Args:
        archive: the file; a tar may be compressed, and its members gzipped, with ``.gz`` behind their names.
        named: the member for each name; others are not looked at.
        files: how long each must be.
        folder: where they are put.

    Raises:
        Unavailable: a member is missing, is no plain file or is longer; the archive is damaged or a bomb.
    """
    wanted = {member: name for name, member in named.items()}
    zipped = {f"{member}.gz": name for member, name in wanted.items()}
    found: set[str] = set()

    def take(member: str, source: IO[bytes]) -> None:
        name = wanted.get(member) or zipped[member]
        with nullcontext(source) if member in wanted else gzip.open(source) as content:
            copy(content, folder / name, files[name].size)
        found.add(name)

    limit = 2 * sum(files[name].size for name in named) + SPARE
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                for entry in content.infolist():
                    if entry.filename in wanted or entry.filename in zipped:
                        with content.open(entry) as source:
                            take(entry.filename, source)
        else:
            with tarfile.open(archive) as tar:
                for member in tar:
                    if member.offset_data + member.size > limit:
                        raise Unavailable(f"{archive.name} unpacks to more than {limit:,} bytes")
                    if member.isreg() and (member.name in wanted or member.name in zipped):
                        inner = tar.extractfile(member)
                        assert inner is not None  # of a plain file
                        take(member.name, inner)
    except BROKEN as error:
        raise Unavailable(f"{archive.name} is damaged: {error}") from error
    if missing := sorted(set(named) - found):
        raise Unavailable(f"{', '.join(missing)} is not in {archive.name}")
