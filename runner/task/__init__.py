"""What is predicted: a file each. None of these modules imports torch, so that names can be checked before it is."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from runner.engine.task import Task
from runner.errors import ConfigError, did_you_mean


def all_tasks() -> list[str]:
    """The names of the tasks, sorted."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg)


@cache
def task_named(name: str) -> type[Task]:
    """The task of that name: a file here, or ``module.Class`` of one's own.

    Raises:
        ConfigError: there is none.
    """
    module, _, own = name.rpartition(".")
    if not own or (not module and name not in all_tasks()):
        raise ConfigError(
            f"task {name!r}: there is no such task.{did_you_mean(name, all_tasks())} Expected one of "
            f"{', '.join(all_tasks())}, or module.Class of your own."
        )
    there = importlib.import_module(module or f"{__name__}.{name}")
    for cls in vars(there).values():
        here = isinstance(cls, type) and issubclass(cls, Task) and cls.__module__ == there.__name__
        if here and (not module or cls.__name__ == own):
            found: type[Task] = cls
            return found
    raise ConfigError(f"task {name!r}: {there.__name__} has no subclass of runner.engine.task.Task of that name.")
