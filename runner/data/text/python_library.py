"""The source of Python's own library, which is on every machine that this program runs on."""

from __future__ import annotations

import ast
import sysconfig
import textwrap
from collections.abc import Sequence
from pathlib import Path

from runner.errors import ConfigError, RunFailed, did_you_mean

# Packages come with or without their tests, depending on who packed them.
_TESTS = {"test", "tests", "idle_test"}


def library() -> Path:
    """The folder of the library."""
    return Path(sysconfig.get_paths()["stdlib"])


def check_packages(packages: Sequence[str], least: int = 1) -> None:
    """Refuse packages that this Python does not have, and too few of them.

    Raises:
        ConfigError: one is not there.
    """
    there = [path.parent.name for path in library().glob("*/__init__.py")]
    if len(packages) < least or len(set(packages)) < len(packages):
        raise ConfigError(f"data.packages={list(packages)}: expected at least {least}, each once.")
    for package in packages:
        if package not in there:
            raise ConfigError(
                f"data.packages: this Python ({library()}) has no package {package!r} of its own."
                f"{did_you_mean(package, there)} Leave it out, or install it."
            )


def sources(packages: Sequence[str]) -> list[tuple[str, str, str]]:
    """The files of some packages but for their tests: package, path in the library and source, in order of the paths.

    Raises:
        RunFailed: a file can't be read.
    """
    found = []
    for package in packages:
        for path in sorted((library() / package).rglob("*.py")):
            name = path.relative_to(library())
            if not _TESTS.intersection(name.parts):
                found.append((package, name.as_posix(), _read(path)))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunFailed(f"{path} can't be read ({error}). Leave its package out of data.packages.") from error


def functions(source: str) -> list[str]:
    """The source of every function of a module and of its classes, without decorators, moved to the left margin.

    Functions inside of functions belong to these.

    Raises:
        SyntaxError: it is no Python, or of another version.
    """
    lines = source.splitlines()
    found: list[str] = []

    def look(node: ast.Module | ast.ClassDef) -> None:
        for child in node.body:
            if isinstance(child, ast.ClassDef):
                look(child)
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.append(textwrap.dedent("\n".join(lines[child.lineno - 1 : child.end_lineno])))

    look(ast.parse(source))
    return found
