"""How good predictions are. None of these modules imports torch, so that names can be checked before it is loaded."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from runner.engine.metric import Metric
from runner.engine.spec import Task


@cache
def all_metrics() -> dict[str, type[Metric]]:
    """Every metric defined in a module of this package, by name, in the order of the names."""
    modules = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    classes = {
        cls
        for module in modules
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, Metric) and cls.__module__ == module.__name__
    }
    return {cls.name: cls for cls in sorted(classes, key=lambda c: c.name)}


def metrics_for(task: Task) -> dict[str, type[Metric]]:
    """The metrics that are reported for `task`, by name."""
    return {name: metric for name, metric in all_metrics().items() if task in metric.tasks}
