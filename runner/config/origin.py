"""Which option a part of a configuration comes from, told from its values alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import yaml

from runner.config.options import Options
from runner.config.recipe import FAST, Config, Node


def option_of(node: Node, options: Options) -> str:
    """The option that a part comes from: of those with its class the one that shares most of its values.

    Told from the values alone, so that a run that was patched or repeated has the name that it had before.
    ``optimizer=sgd optimizer.momentum=0.9`` is ``momentum``.
    """
    texts = _of_class(options, node.key.replace(".", "/"), node.values["_target_"])
    if len(texts) < 2:
        return next(iter(texts), node.short)
    return max(texts, key=lambda name: _shared(node, texts[name], options))


@lru_cache(maxsize=1000)
def _of_class(options: Options, group: str, target: str) -> Mapping[str, str]:
    """The texts of the options of a group that name a class."""
    line = re.compile(rf"^_target_: {re.escape(target)}\s*$", re.MULTILINE)
    texts = {name: options.file(group, name).read_text(errors="replace") for name in options.names(group)}
    return {name: text for name, text in texts.items() if line.search(text)}


def _shared(node: Node, text: str, options: Options) -> int:
    """How many values and inner choices of an option's file are those of `node`."""
    try:
        values = _values(text)
    except yaml.YAMLError:
        return -1
    inside = [next(iter(entry.items())) for entry in values.get("defaults", ()) if isinstance(entry, dict)]
    chosen = {key: option_of(node.inner(key), options) if node.values.get(key) else "none" for key, _ in inside}
    same = [node.values[key] == value for key, value in values.items() if key in node.values]
    return sum([*same, *(chosen[key] == value for key, value in inside)])


@lru_cache(maxsize=1000)
def _values(text: str) -> Config:
    values: Config = yaml.load(text, FAST)
    return values
