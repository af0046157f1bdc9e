"""Which of its values a constructor refuses."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runner.errors import ConfigError


def refusal(
    call: Callable[..., Any], arguments: Mapping[str, Any], node: Mapping[str, Any], key: str, error: Exception
) -> ConfigError:
    """What to say of the error that a constructor raised.

    Args:
        call: takes `arguments` as keywords, and may be called again.
        arguments: as they were passed.
        node: the config node that they come from.
        key: where it stands in the config.
        error: what was raised.
    """
    reason, name = str(error).rstrip("."), culprit(call, arguments, error)
    if name is not None and name in node:
        return ConfigError(f"{key}.{name}={node[name]}: {node['_target_']} refuses it: {reason}.")
    return ConfigError(f"{key} ({node['_target_']}): {reason}.")


def culprit(call: Callable[..., Any], arguments: Mapping[str, Any], error: Exception) -> str | None:
    """The one argument whose value is refused with the same words when all others have their defaults.

    None where no single one is, or where the words speak of another argument too: then the two don't go together.
    """

    def same(names: Sequence[str]) -> bool:
        try:
            call(**{name: arguments[name] for name in names})
        except Exception as other:
            return type(other) is type(error) and str(other) == str(error)
        return False

    needed = [n for n, p in inspect.signature(call).parameters.items() if p.default is p.empty and n in arguments]
    alone = needed if same(needed) else [n for n in arguments if n not in needed and same([*needed, n])]
    if len(alone) != 1:
        return None
    spoken_of = set(re.findall(r"\w+", str(error))) & set(arguments)
    return alone[0] if spoken_of <= {alone[0]} else None
