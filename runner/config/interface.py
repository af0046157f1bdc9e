"""Whether a class has the methods that its group calls, with the arguments they are called with."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from runner.config.signature import signature_of
from runner.engine.technique import EVENTS, Slot, Technique
from runner.errors import ConfigError, did_you_mean

# What a subclass must implement, ``a/b`` either of two; the base has everything else.
REQUIRED = {
    "DataOption": ("load",),
    "Schedule": ("lr",),
    "Warmup": ("lr",),
    "Module": ("forward",),
    "Init": ("fill/__call__",),
    "Loss": ("__call__",),
    "Optimizer": ("step",),
}
_HEARING = ("on_", "before_", "after_", "around_", "also_")


def check_interface(cls: type, base: type, key: str) -> None:
    """Compare a class with the base of its group, before anything is built.

    Args:
        cls: a subclass of `base`.
        base: what the program knows it as.
        key: where it stands in the config, for messages.

    Raises:
        ConfigError: a method is missing, takes other arguments than it is called with, or listens to no event.
    """
    for problem in _problems(cls, base):
        raise ConfigError(f"{key}: {cls.__module__}.{cls.__qualname__} {problem} It stands in {_file(cls)}.")


def _file(cls: type) -> str:
    try:
        return inspect.getfile(cls)
    except (OSError, TypeError):  # made in an interpreter
        return cls.__module__


def _problems(cls: type, base: type) -> Iterable[str]:
    required = () if "__new__" in vars(cls) else REQUIRED.get(base.__name__, ())  # it gives an object of another class
    for names in required:
        if all(getattr(cls, name) is getattr(base, name) for name in names.split("/")):
            yield f"has no {_shown(base, names.partition('/')[0])}, which the program calls."
    for name, method in _methods(cls, base):
        theirs = getattr(base, name, None)
        if theirs is None and name.startswith(_HEARING) and issubclass(cls, Technique):
            near = did_you_mean(name, EVENTS)
            yield f"has {name}(), an event that does not exist, so it would never be called.{near} {_events()}"
        elif inspect.isfunction(theirs) and base.__module__.startswith("runner.") and not _takes(method, theirs):
            own = f"{name}{inspect.signature(method)}"
            yield f"has {own}, which is called as {_shown(base, name)}. Give it these arguments."
    if base.__name__ == "DataOption" and "batch_size" not in signature_of(cls).arguments:
        yield "takes no batch_size, which the program needs. Leave __init__ to @dataclass(kw_only=True), or add it."
    if issubclass(cls, Technique):
        yield from _of_technique(cls)


def _of_technique(cls: type[Technique]) -> Iterable[str]:
    slot = getattr(cls, "slot", None)
    if not isinstance(slot, Slot):
        near = did_you_mean(str(slot).upper(), Slot.__members__)
        what = "names no slot" if slot is None else f"has slot={slot!r}, which is none"
        yield f"{what}: its place among techniques.{near} Set slot = Slot.NAME to one of {', '.join(Slot.__members__)}."
    events = [name for name in (*EVENTS, "setup") if getattr(cls, name) is not getattr(Technique, name)]
    if not events and not cls.model_arguments:
        yield f"listens to no event, so it would do nothing. {_events()}"
    for name, direction in cls.reports.items():
        if direction not in ("min", "max"):
            yield f"reports {name!r} with direction {direction!r}. Expected min (smaller is better) or max."


def _events() -> str:
    return f"Events: {', '.join(EVENTS)}."


def _methods(cls: type, base: type) -> Iterable[tuple[str, Any]]:
    """The methods that `cls` or a class between it and `base` defines."""
    between = [c for c in cls.__mro__ if c is not base and issubclass(c, base)]
    names = {name for c in between for name, member in vars(c).items() if inspect.isfunction(member)}
    return [(name, getattr(cls, name)) for name in sorted(names - {"__init__"})]


def _takes(method: Any, theirs: Any) -> bool:
    """Whether `method` can be called with the positional arguments of the base's."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = [p for p in inspect.signature(theirs).parameters.values() if p.kind in kinds and p.default is p.empty]
    try:
        inspect.signature(method).bind(*given)
    except TypeError:
        return False
    return True


def _shown(base: type, name: str) -> str:
    """A method as it is called: ``lr(self, t, base_lr)``."""
    return f"{name}({', '.join(inspect.signature(getattr(base, name)).parameters)})"
