"""A run's settings as one flat level: the columns by which runs are compared."""

from __future__ import annotations

from typing import Any

from runner.config.check import hint_of
from runner.config.groups import GROUPS
from runner.config.options import Options
from runner.config.origin import option_of
from runner.config.recipe import Config, Recipe
from runner.config.signature import takes_numbers

# They say where and for whom, not what is trained.
_LEFT_OUT = ("name", "trusted_targets", "tracking")


def hyperparameters(recipe: Recipe, options: Options) -> dict[str, bool | float | str]:
    """Every setting that has a value, each kind in a column of its own: ``{"optimizer.lr": 0.001}``.

    A group is named by its option (``optimizer: adamw``), one that takes several by all of them. A word where a number
    may stand (``data.batch_size=full``) has a column of its own: numbers and words in one can't be sorted.

    Args:
        recipe: checked.
        options: what there was to choose from.
    """
    flat = _flat({key: value for key, value in recipe.recorded.items() if key not in _LEFT_OUT})
    for group in (group for group in GROUPS if group.name not in _LEFT_OUT):
        nodes = list(recipe.of(group))
        if group.many:
            flat[group.name] = ", ".join(node.key.rpartition(".")[2] for node in nodes) or "none"
            for node in nodes:
                del flat[node.key]
        else:
            flat[group.name] = option_of(nodes[0], options) if nodes else "none"
    words = {key for key, value in flat.items() if isinstance(value, str) and takes_numbers(hint_of(recipe, key))}
    return {f"{key} (word)" if key in words else key: value for key, value in flat.items()}


def _flat(config: Config, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        elif key == "_target_":
            flat[prefix.rstrip(".")] = value.rpartition(".")[2]
        elif isinstance(value, (bool, int, float, str)):
            flat[name] = value
        elif isinstance(value, (list, tuple)) and value:
            flat[name] = str(list(value))
    return flat
