"""The processes of a run: whether they can do together what a recipe asks for, and how they meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runner.engine.ranks import joined

if TYPE_CHECKING:
    from runner.config.recipe import Recipe
    from runner.engine.ranks import Ranks


@contextmanager
def processes(recipe: Recipe) -> Iterator[Ranks]:
    """All processes of a run, which end together; this one alone unless several were started.

    Args:
        recipe: checked.

    Raises:
        ConfigError: they can't do what it asks for.
    """
    with joined(recipe.trainer) as ranks, ranks.failing_together():
        yield ranks
