"""What an evaluation has of a kind of task: a file each, named by `Task.sections`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.evaluation.section.base import Section

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.task import Task


def sections_of(task: Task, full: bool, series: tuple[Sequence[str], Tensor] | None = None) -> list[Section]:
    """The sections that a task has.

    Args:
        task: names them.
        full: whether what is drawn is wanted too, besides what a summary has.
        series: see `Section`.
    """
    made = []
    for name in task.sections:
        module = importlib.import_module(f"{__name__}.{name}")
        kind: type[Section] = next(
            cls
            for cls in vars(module).values()
            if isinstance(cls, type) and issubclass(cls, Section) and cls.__module__ == module.__name__
        )
        made.append(kind(task, full, series))
    return made
