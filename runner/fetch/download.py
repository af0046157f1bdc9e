"""The publisher's own download: plain HTTP, which goes on where it was cut."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner.fetch.archive import CHUNK, gunzip, members
from runner.fetch.listener import listener, megabytes
from runner.fetch.published import File, Unavailable, Way, differs

TIMEOUT = 10.0  # seconds that a server may stay silent


@dataclass(frozen=True)
class Remote:
    """A file on a server.

    Attributes:
        name: behind the mirror's address.
        size: bytes.
        sha256: of an archive, which is verified before it is opened; empty for a file that is wanted itself, or whose
            name has ``.gz`` behind that of the one that is.
        members: of an archive: what is wanted of it, by the name under which it is kept.
    """

    name: str
    size: int
    sha256: str = ""
    members: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Download(Way):
    """Files from the first of several servers that has them.

    What came before a connection was cut stays as ``NAME.part`` in the cache; the next try asks for the rest only.

    Attributes:
        mirrors: addresses, each with its slash at the end.
        remotes: the files there.
    """

    mirrors: tuple[str, ...]
    remotes: tuple[Remote, ...]
    label = "the publisher's download"

    @property
    def by_hand(self) -> str:  # type: ignore[override]
        """What makes the set available without the runner."""
        return f"download {', '.join(f'{self.mirrors[0]}{remote.name}' for remote in self.remotes)} and unpack it"

    @property
    def size(self) -> int:  # type: ignore[override]
        """Bytes that come over the network."""
        return sum(remote.size for remote in self.remotes)

    def bring(self, files: Mapping[str, File], work: Path, kept: Path) -> None:
        """See `Way.bring`."""
        for remote in self.remotes:
            part = kept / f"{remote.name}.part"
            resumed = part.is_file()
            try:
                self._one(remote, files, part, work)
            except _Wrong:
                if not resumed:
                    raise
                self._one(remote, files, part, work)  # what was kept may have been of another version: all of it anew

    def _one(self, remote: Remote, files: Mapping[str, File], part: Path, work: Path) -> None:
        _download([f"{mirror}{remote.name}" for mirror in self.mirrors], part, remote.size)
        try:
            if remote.sha256:
                _see(part, File(remote.sha256, remote.size), remote.name)
            if remote.members:
                members(part, remote.members, files, work)
            elif remote.name in files:
                _see(part, files[remote.name], remote.name)
                part.rename(work / remote.name)
            else:
                name = remote.name.removesuffix(".gz")
                gunzip(part, work / name, files[name].size)
                _see(work / name, files[name], name)
        except Unavailable as error:
            part.unlink(missing_ok=True)
            raise _Wrong(str(error)) from error


class _Wrong(Unavailable):
    """All of a file came, and it is another one than was published."""


def _see(path: Path, file: File, name: str) -> None:
    if wrong := differs(path, file):
        raise Unavailable(f"{name} {wrong}")


def _download(addresses: list[str], part: Path, size: int) -> None:
    """Bring a file into `part`, going on from what is there, from the first address that gives it."""
    reasons = []
    for address in addresses:
        try:
            return _go_on(address, part, size)
        except (http.client.HTTPException, urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reasons.append(str(getattr(error, "reason", "")) or str(error) or type(error).__name__)
        except Unavailable as error:
            reasons.append(str(error))
    raise Unavailable(f"{part.name.removesuffix('.part')}: {'; '.join(dict.fromkeys(reasons))}")


def _go_on(address: str, part: Path, size: int) -> None:
    have = part.stat().st_size if part.is_file() else 0
    if have == size:
        return
    if have > size:
        have = 0
    asked = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    name = part.name.removesuffix(".part")
    with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:
        if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0  # the server gives all of it
        length = answer.headers.get("Content-Length")
        if length is not None and have + int(length) != size:
            raise Unavailable(f"the server's file has {have + int(length):,} bytes, expected {size:,}")
        with part.open("ab" if have else "wb") as file:
            while have < size and (content := answer.read1(min(CHUNK, size - have))):
                file.write(content)
                have += len(content)
                listener().put(f"{name}: {megabytes(have)} of {megabytes(size)}")
    if have < size:
        raise Unavailable(f"cut after {have:,} of {size:,} bytes, which are kept: the same command asks for the rest")
