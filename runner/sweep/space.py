"""The search space: Hydra's override language turned into dimensions that every sampler understands alike."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
)
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
        return text is not None and any(part in self.values for part in (text, *elements(text)))


@dataclass(frozen=True)
class Dimension:
    """One key that is searched over.

    Attributes:
        key: as typed, with ``+`` or ``++``.
        kind: ``choice`` (unordered), ``range`` (evenly spaced numbers) or ``interval`` (both ends belong to it).
        texts: the values of a choice or range, as they stand behind ``=``, in the order typed.
        natives: the same as plain values: numbers, truth values, None, or else the text.
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
        constants: values of keys that conditions name and that are not searched over.
    """

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...] = ()
    constants: Mapping[str, str | None] = field(default_factory=dict)

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
        """The point as overrides."""
        return [f"{key}={text}" for key, text in point.items()]


def elements(text: str) -> list[str]:
    """``[a,b]`` as ``["a", "b"]``; nothing for what is not a list."""
    return [part.strip() for part in text[1:-1].split(",")] if text.startswith("[") and text.endswith("]") else []


def parse(
    arguments: Sequence[str],
    params: Mapping[str, Any],
    options: Callable[[str], Sequence[str]],
    current: Callable[[str], str | None],
    keys: Callable[[Sequence[str], str], Sequence[str]],
) -> Space:
    """The search space of a command.

    A value of a group that is searched over means "where the chosen option has that key": a condition is made of it.
    A single value that has a condition is a dimension too.

    Args:
        arguments: overrides typed on the command line; they win over `params`.
        params: ``hydra.sweeper.params``: key to a space in Hydra's language, or to ``{space: .., when: ..}``.
        options: the options of a config group; empty for what is no group.
        current: the value that a key has when nothing sets it; None when it does not exist.
        keys: the keys below a node of what some overrides compose to; empty where there is no such node.

    Raises:
        ConfigError: a space can't be read, names a group's option that does not exist, or a condition is wrong.
    """
    conditions = {}
    lines: dict[str, str] = {}
    for key, value in params.items():
        spec = value if isinstance(value, Mapping) else {"space": value}
        if unknown := set(spec) - {"space", "when"}:
            name = min(map(str, unknown))
            raise ConfigError(
                f"hydra.sweeper.params.{key}: unknown {name!r}.{did_you_mean(name, ['space', 'when'])} Expected a "
                "space, or a mapping with space and, if any, when; a key below another is written with dots: "
                f"{key}.{name}."
            )
        if "space" not in spec:
            raise ConfigError(f"hydra.sweeper.params.{key}: space is missing; for example space: 'interval(0, 1)'.")
        lines[key] = f"{key}={_text_of(spec['space'])}"
        if "when" in spec:
            conditions[key.lstrip("+")] = _condition(key, str(spec["when"]), options)
    parser = OverridesParser.create()
    parsed: dict[str, Override] = {}
    for line in [*lines.values(), *arguments]:
        try:
            override = parser.parse_override(line)
        except HydraException as error:
            raise ConfigError(f"{line}: can't be read as an override. {str(error).splitlines()[0]}") from error
        name = override.get_key_element().lstrip("+")
        parsed.pop(name, None)
        parsed[name] = override
    sweeps = {name: _dimension(o, options) for name, o in parsed.items() if o.is_sweep_override()}
    groups = sorted((d for d in sweeps.values() if options(d.name)), key=lambda d: -len(d.name))
    chosen = [o.input_line or "" for name, o in parsed.items() if name not in sweeps and options(name)]
    for name, override in parsed.items():
        if override.type == OverrideType.CHANGE and name not in conditions and not options(name):
            found = (_implied(name, group, chosen, keys) for group in groups)
            if condition := next(filter(None, found), None):
                conditions[name] = condition
    searched = {
        name: replace(sweeps.get(name) or _dimension(override, options), when=conditions.get(name))
        for name, override in parsed.items()
        if name in sweeps or name in conditions
    }
    fixed = {name: override.input_line or "" for name, override in parsed.items() if name not in searched}
    constants = _constants(searched, fixed, current)
    return Space(_in_order(list(searched.values()), constants), tuple(fixed.values()), constants)


def with_whole_numbers(space: Space, takes_no_others: Callable[[Sequence[str], str], bool]) -> Space:
    """The space with whole numbers in the intervals of keys that take no others; Hydra's intervals are of reals.

    Args:
        space: as `parse` gave it.
        takes_no_others: whether a key, where some overrides are chosen, takes whole numbers only.
    """

    def typed(dimension: Dimension) -> Dimension:
        low, high = dimension.low, dimension.high
        if dimension.kind != "interval" or dimension.integer or not (low.is_integer() and high.is_integer()):
            return dimension
        overrides = [*space.fixed, *space.overrides(space.needed(dimension))]
        whole = takes_no_others(overrides, dimension.name)
        return replace(dimension, low=int(low), high=int(high), integer=True) if whole else dimension

    return replace(space, dimensions=tuple(map(typed, space.dimensions)))


def _implied(
    name: str,
    group: Dimension,
    chosen: Sequence[str],
    keys: Callable[[Sequence[str], str], Sequence[str]],
) -> Condition | None:
    """Under which options of `group` the key `name` is there; None where it always is, or is not the group's."""
    node = group.name.replace("/", ".")
    if not name.startswith(f"{node}."):
        return None
    having = list(group.texts)
    path = name.split(".")
    for depth in range(node.count(".") + 1, len(path)):
        parent, part = ".".join(path[:depth]), path[depth]
        known = {text: keys([*chosen, f"{group.key}={text}"], parent) for text in having}
        having = [text for text in having if part in known[text]]
        if not having:
            every = sorted({key for found in known.values() for key in found})
            raise ConfigError(
                f"{name}: {parent} has no key {part!r} with any of {group.name}="
                f"{','.join(group.texts)}.{did_you_mean(part, every)} Keys: {', '.join(every) or 'none'}."
            )
    if len(having) == len(group.texts):
        return None
    technique = Condition(group.name, (path[node.count(".") + 1],))  # a list that holds it, whatever else
    same = all(technique.holds(text) == (text in having) for text in group.texts)
    return technique if same else Condition(group.name, tuple(having))


def _text_of(value: Any) -> str:
    return ",".join(_text_of(v) for v in value) if isinstance(value, (list, tuple)) else str(value)


def _condition(key: str, when: str, options: Callable[[str], Sequence[str]]) -> Condition:
    target, sep, values = when.partition("=")
    if not sep or not values:
        raise ConfigError(f"hydra.sweeper.params.{key}.when: {when!r} is no condition; expected like 'optimizer=sgd'.")
    condition = Condition(target.strip(), tuple(v.strip() for v in values.split(",")))
    known = options(condition.key)
    for name in condition.values:
        if known and name not in known:
            raise ConfigError(
                f"hydra.sweeper.params.{key}.when={when}: {condition.key} has no option {name!r}."
                f"{did_you_mean(name, known)} Options: {', '.join(known)}."
            )
    return condition


def _constants(
    searched: Mapping[str, Dimension], fixed: Mapping[str, str], current: Callable[[str], str | None]
) -> dict[str, str | None]:
    """The values of what conditions name and that is not searched over."""
    constants: dict[str, str | None] = {}
    for dimension in searched.values():
        if dimension.when and (key := dimension.when.key) not in searched:
            constants[key] = fixed[key].partition("=")[2] if key in fixed else current(key)
            if constants[key] is None:
                known = did_you_mean(key, searched.keys() | fixed.keys())
                raise ConfigError(f"{dimension.key}: its condition names {key!r}, which is no key.{known}")
    return constants


def _in_order(dimensions: Sequence[Dimension], constants: Mapping[str, str | None]) -> tuple[Dimension, ...]:
    """Each dimension behind the one that its condition names."""
    ordered: list[Dimension] = []
    waiting = list(dimensions)
    while waiting:
        done = {d.name for d in ordered} | constants.keys()
        ready = [d for d in waiting if d.when is None or d.when.key in done]
        if not ready:
            raise ConfigError(f"The conditions of {', '.join(d.key for d in waiting)} wait for each other.")
        ordered += ready
        waiting = [d for d in waiting if d not in ready]
    return tuple(ordered)


def _dimension(override: Override, options: Callable[[str], Sequence[str]]) -> Dimension:
    key = override.get_key_element()
    sweep: Any = override._value
    tags: set[str] = getattr(sweep, "tags", set())
    if unknown := tags - {"log", "int"}:
        raise ConfigError(f"{override.input_line}: unknown tag {', '.join(sorted(unknown))}; there are log and int.")
    if isinstance(sweep, IntervalSweep):
        return _interval(key, sweep, override.input_line or "")
    if tags:
        raise ConfigError(f"{override.input_line}: tags are for intervals; a list of values has none.")
    values: list[Any]
    if isinstance(sweep, RangeSweep):
        if not sweep.step:
            raise ConfigError(f"{override.input_line}: a range needs a step other than 0.")
        values = list(sweep.range())
    elif isinstance(sweep, Glob):
        values = list(sweep.filter(list(options(override.key_or_group))))
    elif not override.is_sweep_override():
        values = [sweep]
    else:
        assert isinstance(sweep, ChoiceSweep)
        values = list(sweep.list)
        _check_options(override, values, options(override.key_or_group))
    if not values:
        raise ConfigError(f"{override.input_line}: no values.")
    if getattr(sweep, "shuffle", False):
        random.Random(key).shuffle(values)  # the same order on every start
    unique = {Override._get_value_element_as_str(v): _native(v) for v in values}
    kind: Literal["choice", "range"] = "range" if isinstance(sweep, RangeSweep) and not sweep.shuffle else "choice"
    return Dimension(key, kind, tuple(unique), tuple(unique.values()))


def _native(value: Any) -> Native:
    if isinstance(value, QuotedString):
        return value.with_quotes()
    plain = value is None or isinstance(value, (bool, int, float))
    return value if plain else Override._get_value_element_as_str(value)


def _interval(key: str, sweep: IntervalSweep, line: str) -> Dimension:
    assert sweep.start is not None
    assert sweep.end is not None
    integer = isinstance(sweep.start, int) or "int" in sweep.tags
    low, high = (int(sweep.start), int(sweep.end)) if integer else (sweep.start, sweep.end)
    if not low < high:
        raise ConfigError(f"{line}: an interval goes from the smaller to the larger number.")
    if "log" in sweep.tags and low <= 0:
        raise ConfigError(f"{line}: a logarithmic interval starts above 0.")
    return Dimension(key, "interval", low=low, high=high, log="log" in sweep.tags, integer=integer)


def _check_options(override: Override, values: Sequence[Any], known: Sequence[str]) -> None:
    """A group's options must exist: found before anything is composed."""
    if not known:
        return
    names = [str(n) for v in values for n in (v if isinstance(v, list) else [v]) if isinstance(n, str)]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{override.input_line}: there is no {override.key_or_group}={name}."
                f"{did_you_mean(name, known)} There are: {', '.join(known)}."
            )
