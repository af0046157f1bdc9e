"""A run's settings as one flat level: the columns by which runs are compared."""

from __future__ import annotations

import re
from typing import Any

import yaml

from runner.config.check import hint_of
from runner.config.groups import GROUPS
from runner.config.options import Options
from runner.config.recipe import FAST, Config, Node, Recipe
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


def option_of(node: Node, options: Options) -> str:
    """The option that a part comes from: of those with its class the one that shares most of its values.

    Told from the values alone, so that a run that was patched or repeated has the name that it had before.
    ``optimizer=sgd optimizer.momentum=0.9`` is ``momentum``.
    """
    group = node.key.replace(".", "/")
    line = re.compile(rf"^_target_: {re.escape(node.values['_target_'])}\s*$", re.MULTILINE)
    texts = {name: options.file(group, name).read_text(errors="replace") for name in options.names(group)}
    names = [name for name, text in texts.items() if line.search(text)]
    if len(names) < 2:
        return names[0] if names else node.short
    return max(names, key=lambda name: _shared(node, texts[name], options))


def _shared(node: Node, text: str, options: Options) -> int:
    """How many values and inner choices of an option's file are those of `node`."""
    try:
        values: Config = yaml.load(text, FAST)
    except yaml.YAMLError:
        return -1
    inside = [next(iter(entry.items())) for entry in values.get("defaults", ()) if isinstance(entry, dict)]
    chosen = {key: option_of(node.inner(key), options) if node.values.get(key) else "none" for key, _ in inside}
    same = [node.values[key] == value for key, value in values.items() if key in node.values]
    return sum([*same, *(chosen[key] == value for key, value in inside)])


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
