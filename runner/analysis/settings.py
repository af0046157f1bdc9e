"""What a run was set to, as one flat level: ``{"optimizer": "adamw", "optimizer.lr": 0.001}``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import yaml

from runner.config.groups import BY_NAME
from runner.config.options import Options
from runner.config.origin import option_of
from runner.config.recipe import FAST, Node
from runner.record.yaml_text import check_unfolded

MOST = 10_000  # entries of a configuration; with references, a few lines of YAML can stand for billions

# A line that begins a key of the topmost level.
_SECTION = re.compile(r"^(?=[A-Za-z_]\w*:)", re.MULTILINE)


def flat_settings(text: str) -> dict[str, Any]:
    """The settings in a ``config.yaml``.

    Parts that many runs have in common, word for word, are read once: a thousand configurations of a sweep take 30 ms,
    and half a second where each is read as a whole.

    Args:
        text: what stands in the file.

    Returns:
        Numbers, texts, booleans and None by key; lists as texts. A group has the name of its option, or ``none``; one
        that takes several has all of them (``mixup, dropout``). What comes from the environment stays a reference.

    Raises:
        ValueError: it is no configuration.
    """
    try:
        return {key: value for part in _SECTION.split(text) if part for key, value in _section(part)}
    except ValueError:  # as where one part refers to another
        return dict(_section.__wrapped__(text))


@lru_cache(maxsize=10_000)
def _section(text: str) -> tuple[tuple[str, Any], ...]:
    try:
        check_unfolded(text)
        content = yaml.load(text, FAST)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"no valid YAML: {str(error).splitlines()[0]}") from None
    if content is None:
        return ()
    if not isinstance(content, dict):
        raise ValueError("no names and values")
    return tuple(flatten(content).items())


def flatten(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration in plain containers as flat settings; see `flat_settings`.

    Raises:
        ValueError: it has no end.
    """
    found: dict[str, Any] = {}
    for number, (key, value) in enumerate(_entries("", config)):
        if number > MOST:
            raise ValueError(f"more than {MOST:,} settings")
        found[key] = value
    return found


def _entries(key: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > 50:
        raise ValueError("settings within settings without an end")
    if isinstance(value, dict):
        group = BY_NAME.get(key)
        if group is not None and group.many:
            yield key, ", ".join(map(str, value)) or "none"
        elif "_target_" in value:
            yield key, _option(key, value)
        elif not value:
            yield key, "none"
        inside = group is not None and group.many
        for name, entry in value.items():
            if name == "_target_":
                continue
            for inner, content in _entries(f"{key}.{name}" if key else str(name), entry, depth + 1):
                if not (inside and inner == f"{key}.{name}" and isinstance(entry, dict)):  # named by the group
                    yield inner, content
    elif isinstance(value, (list, tuple)):
        yield key, _list(value)
    elif value is None or isinstance(value, (bool, int, float, str)):
        yield key, value
    else:  # such as a date
        yield key, str(value)


def _list(values: Any) -> str:
    """A list as it is typed: ``[32, 64]``. Lists within lists have an end, too."""
    count = 0

    def written(value: Any, depth: int) -> str:
        nonlocal count
        count += 1
        if count > MOST or depth > 50:
            raise ValueError("a list without an end")
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(written(entry, depth + 1) for entry in value)}]"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{name}: {written(entry, depth + 1)}' for name, entry in value.items())}}}"
        return shown(value)

    return written(values, 0)


def shown(value: Any) -> str:
    """A value as it is typed."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _options() -> Options:
    return Options()


def _option(key: str, values: dict[str, Any]) -> str:
    """The name of the option that a part comes from; of a class of somebody's own, that class's."""
    target = values["_target_"]
    if not isinstance(target, str):
        return _list([target])
    if key.replace(".", "/") not in _options().groups():
        return target.rpartition(".")[2]
    try:
        return option_of(Node(key, values, ()), _options())
    except (TypeError, KeyError, AttributeError, IndexError):  # an inner part is not what it should be
        return target.rpartition(".")[2]


@cache
def option_settings(group: str, name: str) -> dict[str, Any]:
    """What an option of ours sets, by key; nothing where there is no such option."""
    folder = group.replace(".", "/")
    if name not in _options().names(folder):
        return {}
    content: Any = yaml.load(_options().file(folder, name).read_text(), FAST) or {}
    for part in reversed(group.split(".")):
        content = {part: content}
    return flatten(content)
