"""Why a network answers as it does: one method per file."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from runner.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from runner.explain.base import Method


def all_methods() -> list[str]:
    """The names of the methods, sorted."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg and info.name != "base")


def method_named(name: str) -> type[Method]:
    """The method of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in all_methods():
        raise ConfigError(
            f"--method {name}: there is no such method.{did_you_mean(name, all_methods())} Expected all, or of "
            f"{', '.join(all_methods())}."
        )
    module = importlib.import_module(f"{__name__}.{name}")
    wanted = name.replace("_", "")
    found: type[Method] = next(cls for key, cls in vars(module).items() if key.lower() == wanted)
    return found
