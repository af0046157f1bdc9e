"""The search space: dimensions that every sampler understands alike, and the overrides that a point of it means."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException

from runner.errors import ConfigError, did_you_mean

Native = str | int | float | bool | None
Point = dict[str, str]
"""A point of the space: override key to the text behind its ``=``. Keys whose condition does not hold are absent."""


@dataclass(frozen=True)
class Condition:
    """``optimizer=momentum,nesterov``: holds when `key` has one of `values`, or a list that holds one of them."""

    key: str
    values: tuple[str, ...]

    def holds(self, text: str | None) -> bool:
        """Whether it holds for the value `text` of its key; never for a key that is not there."""
        text = text and unescaped(text)
        return text is not None and any(part in self.values for part in (text, *elements(text)))


@dataclass(frozen=True)
class Dimension:
    """One key that is searched over.

    Attributes:
        key: as typed, with ``+`` or ``++`` and a group's ``@package``.
        kind: ``choice`` (unordered), ``range`` (evenly spaced numbers) or ``interval`` (both ends belong to it).
        texts: the values of a choice or range, as they stand behind ``=``, in the order typed.
        natives: the same as plain values: numbers, truth values, None, or else text without quotes and escapes. No two
            are equal: where ``1`` stands beside ``true`` or ``'1'``, all are texts.
        low: lower end of an interval.
        high: upper end of an interval.
        log: whether an interval is searched on a logarithmic scale.
        integer: whether an interval has whole numbers only.
        when: the condition under which the key is set; None: always.
    """

    key: str
    kind: Literal["choice", "range", "interval"]
    texts: tuple[str, ...] = ()
    natives: tuple[Native, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    integer: bool = False
    when: Condition | None = None

    @property
    def name(self) -> str:
        """The key without ``+``."""
        return self.key.lstrip("+")

    @property
    def group(self) -> str:
        """The config group that the key would choose from: its name without a package."""
        return self.name.partition("@")[0]

    def text(self, value: Native) -> str:
        """What stands behind ``=`` for a value that a sampler gave."""
        if self.kind == "interval":
            return repr(int(value) if self.integer else float(value))  # type: ignore[arg-type]
        if self.kind == "range":
            return min(zip(self.texts, self.natives, strict=True), key=lambda pair: abs(pair[1] - value))[0]  # type: ignore[operator]
        return self.texts[self.natives.index(value)]

    def native(self, text: str) -> Native:
        """The value that a sampler knows for `text`.

        Raises:
            ConfigError: `text` is not in this dimension.
        """
        if self.kind == "interval":
            try:
                value = int(text) if self.integer else float(text)
            except ValueError:
                value = float("nan")
            if self.low <= value <= self.high:
                return value
        elif text in self.texts:
            return self.natives[self.texts.index(text)]
        raise ConfigError(f"{self.key}={text}: not in the search space {self.summary()}.")

    def given(self, value: Any) -> str:
        """The text of a value as a person or a file gives it: ``True`` for true, 0.30000000000000004 for 0.3.

        Raises:
            ConfigError: it is not in this dimension.
        """
        text = value if isinstance(value, str) else Override._get_value_element_as_str(value)
        if self.kind != "interval" and text not in self.texts:
            alike = [own for own in self.texts if unescaped(own) == unescaped(text) or _close(own, text)]
            text = alike[0] if alike else text
        return self.text(self.native(text))

    def ends(self) -> tuple[str, ...]:
        """Values to try when checking: every choice, the first and last of what has an order."""
        if self.kind == "interval":
            return (self.text(self.low), self.text(self.high))
        return self.texts if self.kind == "choice" else (self.texts[0], self.texts[-1])

    def summary(self) -> str:
        """`describe`, without the middle of a long list."""
        many = len(self.texts) > 8
        return f"{','.join(self.texts[:3])},..,{self.texts[-1]} ({len(self.texts)} values)" if many else self.describe()

    def describe(self) -> str:
        """The dimension in Hydra's language."""
        if self.kind != "interval":
            return ",".join(self.texts)
        body = f"interval({self.text(self.low)}, {self.text(self.high)})"
        body = f"int({body})" if self.integer else body
        return f"tag(log, {body})" if self.log else body


@dataclass(frozen=True)
class Space:
    """What is searched over, and what stays as it is.

    Attributes:
        dimensions: in the order typed, except that a key follows the key of its condition.
        fixed: overrides that are the same in every trial.
        order: all keys as they were typed, searched over or not; one that is not among them comes last.
        entangled: keys whose order matters, as they were typed: where one sets a part of what another sets.
        constants: values of keys that conditions name and that are not searched over.
    """

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...] = ()
    constants: Mapping[str, str | None] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    entangled: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Dimension:
        return next(d for d in self.dimensions if d.key == key)

    def active(self, dimension: Dimension, chosen: Mapping[str, str]) -> bool:
        """Whether the dimension's condition holds at what is `chosen` so far."""
        condition = dimension.when
        if condition is None:
            return True
        for other in self.dimensions:
            if other.name == condition.key:
                return condition.holds(chosen.get(other.key))
        return condition.holds(self.constants.get(condition.key))

    def build(self, value: Callable[[Dimension], str]) -> Point:
        """A point, asking `value` for each dimension whose condition holds, in order."""
        point: Point = {}
        for dimension in self.dimensions:
            if self.active(dimension, point):
                point[dimension.key] = value(dimension)
        return point

    def given(self, entry: Mapping[str, Any]) -> Point:
        """The point that a person or a file gives; keys whose condition does not hold there are left out.

        Raises:
            ConfigError: a key is not searched over, has no such value, or is missing.
        """
        known = {d.name: d for d in self.dimensions}
        texts = {d.key: d.texts[0] for d in self.dimensions if len(d.texts) == 1}
        for key, value in entry.items():
            if key.lstrip("+") not in known:
                raise ConfigError(f"{key} is not searched over.{did_you_mean(key, known)}")
            dimension = known[key.lstrip("+")]
            texts[dimension.key] = dimension.given(value)
        try:
            return self.build(lambda d: texts[d.key])
        except KeyError as error:
            raise ConfigError(f"a point lacks {error}.") from None

    def first(self, forced: Mapping[str, str]) -> Point:
        """The point with the values `forced`, and the first value of every other dimension."""
        return self.build(lambda d: forced.get(d.key, d.ends()[0]))

    def needed(self, dimension: Dimension) -> Point:
        """What must be chosen so that the dimension's condition holds."""
        point: Point = {}
        while (condition := dimension.when) is not None:
            parents = [d for d in self.dimensions if d.name == condition.key]
            if not parents:
                break
            dimension = parents[0]
            texts = dimension.texts or dimension.ends()
            point[dimension.key] = next((t for t in texts if condition.holds(t)), texts[0])
        return point

    def grid(self) -> Iterator[Point]:
        """Every point once: the last key turns fastest. Only for spaces without intervals."""
        return self._grid(0, {})

    def _grid(self, depth: int, point: Point) -> Iterator[Point]:
        if depth == len(self.dimensions):
            yield dict(point)
            return
        dimension = self.dimensions[depth]
        if not self.active(dimension, point):
            yield from self._grid(depth + 1, point)
            return
        for text in dimension.texts:
            yield from self._grid(depth + 1, {**point, dimension.key: text})

    def overrides(self, point: Point) -> list[str]:
        """The point as overrides, without what is the same in every trial."""
        return [f"{key}={text}" for key, text in point.items()]

    def complete(self, point: Point) -> list[str]:
        """All overrides of a trial at `point`, in the order typed: that is the order in which Hydra applies them."""
        place = {key: i for i, key in enumerate(self.order)}
        lines = [*self.fixed, *self.overrides(point)]
        return sorted(lines, key=lambda line: place.get(line.partition("=")[0], len(place)))


def _close(a: str, b: str) -> bool:
    with contextlib.suppress(ValueError):
        return math.isclose(float(a), float(b), rel_tol=1e-9)
    return False


def elements(text: str) -> list[str]:
    """``[a,b]`` as ``["a", "b"]``; nothing for what is not a list."""
    return [part.strip() for part in text[1:-1].split(",")] if text.startswith("[") and text.endswith("]") else []


@lru_cache(maxsize=4096)
def unescaped(text: str) -> str:
    r"""What stands behind ``=`` as people read it: ``a\,b`` and ``'a,b'`` are ``a,b``."""
    if not any(mark in text for mark in "\\'\""):
        return text
    with contextlib.suppress(HydraException):  # a value of the config, not of the command line
        return plain(OverridesParser.create().parse_override(f"key={text}")._value)
    return text


def plain(value: Any) -> str:
    """A parsed value as people read it, without quotes and escapes."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return f"[{','.join(map(plain, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{plain(k)}:{plain(v)}' for k, v in value.items())}}}"
    return value if isinstance(value, str) else Override._get_value_element_as_str(value)
