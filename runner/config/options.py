"""The option files: what there is to choose, read without composing anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import yaml

import runner
from runner.errors import ConfigError, no_file
from runner.record.yaml_text import check_unfolded


def find_conf() -> Path:
    """The folder of option files: inside the installed package, or at the top of the repository."""
    package = Path(runner.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


CONF = find_conf()

# What sweeps choose from beside our groups: Hydra's, whose options lie with our plugin.
OF_SWEEPS = Path(runner.__file__).parents[1] / "hydra_plugins" / "runner_sweeper" / "conf"
SWEEP_GROUPS = ("hydra/sweeper", "hydra/launcher")


def refuse_traps(folder: Path) -> None:
    """Refuse a folder of options in which a file can't be read to its end: a pipe, a device, YAML without bounds.

    Raises:
        ConfigError: names the first.
    """
    for path in sorted(folder.rglob("*.yaml")):
        if not path.is_file():
            raise ConfigError(f"{path}: {no_file(path)} Take it out of the folder of options.")
        try:
            check_unfolded(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # it is told of when it is chosen
        except OSError as error:
            raise ConfigError(f"{path}: can't be read ({error.strerror}).") from error
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error


def refuse_names_of_ours(folder: Path) -> None:
    """Refuse a folder of the user's own options in which one is named as one of ours: Hydra would take ours.

    A copy of a file of ours may lie there: it makes no difference which is taken.

    Raises:
        ConfigError: names the first.
    """
    for path in sorted(folder.rglob("*.yaml")):
        name = path.relative_to(folder)
        ours = CONF / name
        if ours.is_file() and path.is_file() and path.read_bytes() != ours.read_bytes():
            other = name.with_stem(f"my_{name.stem}")
            choice = f"{other.parent.as_posix()}={other.stem}" if name.parent.parts else f"--config-name {other.stem}"
            raise ConfigError(
                f"--config-dir {folder}: {path} has the name of a file of ours, which would be taken in its place. "
                f"Call it {other.name} and choose it with {choice}."
            )


class Options:
    """Groups and their options, from one or more folders.

    Args:
        folders: searched in this order; the first that has an option gives its file.
    """

    def __init__(self, folders: Sequence[Path] = (CONF,)) -> None:
        self.folders = folders

    def groups(self) -> list[str]:
        """Names of all groups, nested ones as ``optimizer/params``."""
        return list(self._groups)

    @cached_property
    def _groups(self) -> list[str]:
        found = {
            path.parent.relative_to(folder).as_posix()
            for folder in self.folders
            for path in folder.rglob("*.yaml")
            if path.parent != folder
        }
        return sorted(group for group in found if not group.startswith("hydra"))

    def names(self, group: str) -> list[str]:
        """Names of the options of `group`."""
        return sorted({path.stem for folder in self.folders for path in (folder / group).glob("*.yaml")})

    def file(self, group: str, name: str) -> Path:
        """The file of an option that exists."""
        return next(path for folder in self.folders if (path := folder / group / f"{name}.yaml").is_file())

    def text(self, group: str, name: str) -> str:
        """What stands in the file of an option that exists.

        Raises:
            ConfigError: it is no text.
        """
        path = self.file(group, name)
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not in UTF-8 (byte {error.start + 1:,}). Save it in UTF-8.") from error

    def description(self, group: str, name: str) -> str:
        """The first line of the option's file: what it is and when to choose it."""
        for line in self.comments(group, name):
            return line
        return ""

    def comments(self, group: str, name: str) -> list[str]:
        """The comment lines at the head of the option's file, Hydra's package line left out."""
        lines = []
        for line in self.text(group, name).splitlines():
            if not line.startswith("#"):
                break
            if not line.startswith("# @package"):
                lines.append(line.lstrip("# ").rstrip())
        return lines

    def remarks(self, group: str, name: str) -> dict[str, str]:
        """The comments behind the values of an option's file, by key."""
        lines = self.text(group, name).splitlines()
        found = (re.match(r"\s*(\w+):.*\s#\s+(.+)$", line) for line in lines)
        return {match[1]: match[2] for match in found if match}

    def top_level_keys(self) -> list[str]:
        """Keys of the base config that are no group."""
        return list(self._top_level_keys)

    @cached_property
    def _top_level_keys(self) -> list[str]:
        base = next(path for folder in self.folders if (path := folder / "config.yaml").is_file())
        keys = yaml.safe_load(base.read_text())
        groups = self.groups()
        return [key for key in keys if key not in ("defaults", "hydra") and key not in groups]

    def broken(self) -> list[Path]:
        """Option files that are not valid YAML."""
        bad = []
        for folder in self.folders:
            for path in sorted(folder.rglob("*.yaml")):
                try:
                    yaml.safe_load(path.read_text())
                except (yaml.YAMLError, OSError, ValueError):
                    bad.append(path)
        return bad
