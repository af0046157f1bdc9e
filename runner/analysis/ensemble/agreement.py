"""Whether networks go together: the same question about the same examples, divided alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.errors import ConfigError
from runner.run.ensemble import READING
from runner.run.trained import TrainedNetwork

# Settings of data in which members may differ: how they are read, where they are, which fold is left out, how much of
# the training part is taken, and how each prepares what it is given.
FREE = (*READING, "path", "root", "fold", "fraction", "scaling", "target_scaling")


def check(names: Sequence[str], members: Sequence[TrainedNetwork]) -> None:
    """Refuse networks that do not go together.

    Args:
        names: what each was called in the command.
        members: as many.

    Raises:
        ConfigError: their task has no average, or one differs from the first; with what differs.
    """
    first, called = members[0], names[0]
    if first.task.no_average:
        raise ConfigError(f"{called}: {first.task.name} has no ensemble: {first.task.no_average}.")
    for name, member in zip(names[1:], members[1:], strict=True):
        for what, one, other in _facts(first, member):
            if one != other:
                raise ConfigError(
                    f"{name}: its {what} is {_short(other)}, and that of {called} is {_short(one)}. Members of an "
                    "ensemble answer the same question about the same data, divided alike. Leave it out, or train it "
                    "on these."
                )


def _facts(one: TrainedNetwork, other: TrainedNetwork) -> list[tuple[str, Any, Any]]:
    facts: list[tuple[str, Any, Any]] = [
        ("task", one.task.name, other.task.name),
        ("fingerprint of the data", one.fingerprint, other.fingerprint),
    ]
    for what in ("inputs", "targets"):
        a, b = getattr(one.spec, what), getattr(other.spec, what)
        for part in ("kind", "shape", "size", "names"):
            facts.append((f"{part} of the {what}", getattr(a, part, None), getattr(b, part, None)))
    facts.append(("link of the outputs", one.task.link, other.task.link))
    facts.append(("number of outputs", one.spec.num_outputs, other.spec.num_outputs))
    mine, theirs = one.recipe["data"].values, other.recipe["data"].values
    for key in {**mine, **theirs}:
        if key not in FREE:
            facts.append((f"data.{key}", _plain(mine.get(key)), _plain(theirs.get(key))))
    return facts


def _plain(value: Any) -> Any:
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
