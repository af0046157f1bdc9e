"""What can be fetched: one set per file, found by themselves."""

import importlib
import pkgutil
from functools import cache

from runner.fetch.published import Published


@cache
def all_sets() -> dict[str, Published]:
    """Every set, by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Published)}
