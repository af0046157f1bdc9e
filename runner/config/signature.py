"""The callable's signature is the schema: which arguments there are, and which values they take."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import annotated_types as at

# Parameters that the program supplies; they stand in no config.
SUPPLIED = frozenset({"self", "spec", "model", "load_teacher", "link", "network_loss"})

_PLAIN: dict[Any, str] = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Argument:
    """One settable argument of a callable.

    Attributes:
        name: its name.
        hint: its annotation, resolved; None where there is none or it can't be resolved.
        default: its default; `inspect.Parameter.empty` when it is required.
    """

    name: str
    hint: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def has_plain_default(self) -> bool:
        """Whether its default is one that a config could hold."""
        return _is_plain(self.default) and fits(self.default, self.hint)


@dataclass(frozen=True)
class Signature:
    """The settable arguments of a callable.

    Attributes:
        arguments: by name, in order.
        supplied: names of the arguments that the program supplies.
        open: whether any other name is taken too (``**kwargs``).
    """

    arguments: dict[str, Argument]
    supplied: frozenset[str]
    open: bool


@cache
def signature_of(target: Callable[..., Any], supplied: frozenset[str] = SUPPLIED) -> Signature:
    """The signature of a class or function.

    Args:
        target: the callable.
        supplied: parameters that the program supplies.
    """
    hints = _hints(target)
    arguments, open_ended, given = {}, False, set()
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            open_ended = True
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        elif name in supplied:
            given.add(name)
        else:
            arguments[name] = Argument(name, hints.get(name), parameter.default)
    return Signature(arguments, frozenset(given), open_ended)


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """The hint of each parameter, without those that name what is imported for type checkers alone.

    What a dataclass inherits is read where it was written: its `__init__` has the hints as text, whose names the
    module of a subclass need not have.
    """
    scopes: list[tuple[Any, dict[str, Any]]] = []
    if inspect.isclass(target):
        if is_dataclass(target):
            scopes = [(base, vars(sys.modules[base.__module__])) for base in reversed(target.__mro__)]
        target = target.__init__
    scopes.append((target, getattr(target, "__globals__", {})))
    hints = {}
    for owner, names in scopes:
        for name, hint in inspect.get_annotations(owner).items():
            try:
                one = SimpleNamespace(__annotations__={name: hint})
                hints[name] = typing.get_type_hints(one, names, include_extras=True)[name]
            except (NameError, AttributeError, TypeError):
                continue
    return hints


def fits(value: Any, hint: Any) -> bool:
    """Whether a plain value (from YAML) is one that `hint` allows. Hints that say nothing of plain values allow all."""
    if hint is None or hint is Any or isinstance(hint, typing.TypeVar):
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return fits(value, arguments[0]) and all(_within(value, bound) for bound in arguments[1:])
    if origin is typing.Literal:
        return any(value == entry and type(value) is type(entry) for entry in arguments)
    if origin in (typing.Union, types.UnionType):
        known = [entry for entry in arguments if _known(entry)]
        return any(fits(value, entry) for entry in known) if known else True
    if hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # NaN is no choice
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str):
        return isinstance(value, hint)
    if origin is tuple or hint is tuple:
        if not isinstance(value, (list, tuple)):
            return False
        if not arguments:
            return True
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(fits(entry, arguments[0]) for entry in value)
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    if origin in (list, Sequence) or hint is list:
        return isinstance(value, (list, tuple)) and all(fits(e, arguments[0] if arguments else None) for e in value)
    if origin in (dict, Mapping) or hint is dict:
        return isinstance(value, dict)
    return not is_dataclass(hint)


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in _PLAIN


def whole_numbers_only(hint: Any) -> bool:
    """Whether numbers that `hint` allows are whole ones; never for a hint that says nothing of plain values."""
    kinds = set(_members(hint))
    return int in kinds and float not in kinds


def takes_numbers(hint: Any) -> bool:
    """Whether `hint` allows a number; never for a hint that says nothing of plain values."""
    return not {int, float}.isdisjoint(_members(hint))


def _members(hint: Any) -> Iterator[Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        yield from _members(arguments[0])
    elif origin in (typing.Union, types.UnionType):
        for entry in arguments:
            yield from _members(entry)
    else:
        yield hint


def takes_objects(hint: Any) -> bool:
    """Whether `hint` allows anything but plain values, so that a ``_target_`` may stand there."""
    if hint is None or hint is Any or isinstance(hint, typing.TypeVar):
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return takes_objects(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return any(takes_objects(entry) for entry in arguments)
    return not _known(hint)


def _known(hint: Any) -> bool:
    """Whether a member of a union says anything of plain values; ``Tensor`` in torch's unions does not."""
    base = typing.get_origin(hint) or hint
    kinds = (*_PLAIN, type(None), tuple, list, dict, Sequence, Mapping, typing.Literal, typing.Annotated, typing.Union)
    return base in kinds


def _within(value: Any, bound: Any) -> bool:
    if value is None:
        return True
    if isinstance(bound, at.Interval):
        return all(_within(value, part) for part in bound)
    if isinstance(bound, (at.Gt, at.Ge, at.Lt, at.Le)):
        number = isinstance(value, (int, float))
        if isinstance(bound, at.Gt):
            return number and value > bound.gt
        if isinstance(bound, at.Ge):
            return number and value >= bound.ge
        if isinstance(bound, at.Lt):
            return number and value < bound.lt
        return number and value <= bound.le
    if isinstance(bound, at.MinLen):
        return len(value) >= bound.min_length
    if isinstance(bound, at.MaxLen):
        return len(value) <= bound.max_length
    return True


def describe(hint: Any) -> str:
    """A hint in words, for messages and `show`: ``a number in [0, 1)``."""
    if hint is None or hint is Any:
        return "anything"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        bounds = _bounds(arguments[1:])
        return f"{describe(arguments[0])}{' ' + bounds if bounds else ''}"
    if origin is typing.Literal:
        return " | ".join(str(entry) for entry in arguments)
    if origin in (typing.Union, types.UnionType):
        known = [entry for entry in arguments if _known(entry)] or list(arguments)
        if float in known and int in known:
            known.remove(int)
        return " or ".join(dict.fromkeys(describe(entry) for entry in known))
    if hint is type(None):
        return "null"
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin is tuple and arguments:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a list, each entry {describe(arguments[0])}"
        return f"a list of {len(arguments)}, each {describe(arguments[0])}"
    if origin in (list, Sequence):
        return f"a list, each entry {describe(arguments[0])}"
    if origin in (dict, Mapping) or hint is dict:
        return "a mapping"
    if is_dataclass(hint):
        return f"the keys {', '.join(field.name for field in fields(hint))}"
    return getattr(hint, "__name__", str(hint))


def _bounds(bounds: Sequence[Any]) -> str:
    flat = [part for bound in bounds for part in (bound if isinstance(bound, at.Interval) else [bound])]
    low = next((b for b in flat if isinstance(b, (at.Gt, at.Ge))), None)
    high = next((b for b in flat if isinstance(b, (at.Lt, at.Le))), None)
    if low is not None and high is not None:
        left = f"({low.gt:g}" if isinstance(low, at.Gt) else f"[{low.ge:g}"
        right = f"{high.lt:g})" if isinstance(high, at.Lt) else f"{high.le:g}]"
        return f"in {left}, {right}"
    if low is not None:
        return f"greater than {low.gt:g}" if isinstance(low, at.Gt) else f"of at least {low.ge:g}"
    if high is not None:
        return f"less than {high.lt:g}" if isinstance(high, at.Lt) else f"of at most {high.le:g}"
    return ""
