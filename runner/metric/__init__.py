"""How good predictions are. None of these modules imports torch, so that names can be checked before it is loaded."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from runner.engine.metric import Metric
from runner.errors import ConfigError


@cache
def all_metrics() -> dict[str, type[Metric]]:
    """Every metric defined in a module of this package, by name, in the order of the names.

    Raises:
        ConfigError: one lacks its name, its direction or its tasks.
    """
    modules = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    classes = {
        cls
        for module in modules
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, Metric) and cls.__module__ == module.__name__
    }
    for cls in classes:
        for attribute, kind in (("name", "a text"), ("direction", "min or max"), ("tasks", "the tasks it is for")):
            value = getattr(cls, attribute, None)
            if not value or (attribute == "direction" and value not in ("min", "max")):
                raise ConfigError(f"{cls.__module__}.{cls.__qualname__}: has {attribute} {value!r}. Expected {kind}.")
    return {cls.name: cls for cls in sorted(classes, key=lambda c: c.name)}


def metrics_for(task: str, asked: bool = False) -> dict[str, type[Metric]]:
    """The metrics of `task` by name: those that are reported anyway, or all that can be `asked` for."""
    return {n: metric for n, metric in all_metrics().items() if task in metric.tasks and (asked or metric.reported)}
