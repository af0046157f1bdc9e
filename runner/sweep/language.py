"""Hydra's override language, read as a search space."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

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
from runner.sweep.space import Condition, Dimension, Native, Space, plain

MOST_VALUES = 1_000_000  # of one range: they are kept as a list


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
        if "type" in spec and "space" not in spec:
            raise ConfigError(
                f"hydra.sweeper.params.{key}: a distribution is written in Hydra's language. Write {key}: "
                f"'{_in_hydras_language(spec)}'."
            )
        if unknown := set(spec) - {"space", "when"}:
            name = min(map(str, unknown))
            raise ConfigError(
                f"hydra.sweeper.params.{key}: unknown {name!r}.{did_you_mean(name, ['space', 'when'])} Expected a "
                "space, or a mapping with space and, if any, when; a key below another is written with dots: "
                f"{key}.{name}."
            )
        if "space" not in spec:
            raise ConfigError(f"hydra.sweeper.params.{key}: space is missing; for example space: 'interval(0, 1)'.")
        if spec["space"] == []:
            raise ConfigError(f"hydra.sweeper.params.{key}: no values. The empty list as a value is written [[]].")
        lines[key] = f"{key}={_text_of(spec['space'])}"
        if "when" in spec:
            conditions[key.lstrip("+")] = _condition(key, str(spec["when"]), options)
    parsed = _parsed([*lines.values(), *arguments])
    sweeps = {key: _dimension(o, options) for key, o in parsed.items() if o.is_sweep_override()}
    for key in sweeps:
        _check_set_once(key, list(parsed.values()))
    groups = sorted((d for d in sweeps.values() if options(d.group)), key=lambda d: -len(d.name))
    chosen = [_line(o) for key, o in parsed.items() if key not in sweeps and options(o.key_or_group)]
    searched = {}
    for key, override in parsed.items():
        name = key.lstrip("+")
        condition = conditions.get(name)
        if override.type == OverrideType.CHANGE and name not in conditions and not options(override.key_or_group):
            found = (_implied(name, group, chosen, keys) for group in groups)
            condition = next(filter(None, found), None)
        if key in sweeps or condition:
            searched[key] = replace(sweeps.get(key) or _dimension(override, options), when=condition)
    fixed = {key: _line(override) for key, override in parsed.items() if key not in searched}
    constants = _constants(searched.values(), fixed.values(), current)
    return Space(
        _in_order(list(searched.values()), constants),
        tuple(fixed.values()),
        constants,
        tuple(parsed),
        _entangled(parsed, lambda override: bool(options(override.key_or_group))),
    )


def _parsed(lines: Sequence[str]) -> dict[str, Override]:
    """Overrides by key, as Hydra's own sweeper has them: one given again keeps its place and changes its value."""
    parser = OverridesParser.create()
    parsed: dict[str, Override] = {}
    for line in lines:
        try:
            override = parser.parse_override(line)
        except HydraException as error:
            raise ConfigError(f"{line}: can't be read as an override. {str(error).splitlines()[0]}") from error
        parsed[override.get_key_element()] = override
    return parsed


def _line(override: Override) -> str:
    """An override without several values, in the words of Hydra's own sweeper."""
    return f"{override.get_key_element()}={override.get_value_element_as_str()}"


def _check_set_once(key: str, overrides: Sequence[Override]) -> None:
    """Refuse to search over what a later override sets anyway: every value would do the same."""
    at = next(i for i, override in enumerate(overrides) if override.get_key_element() == key)
    own = overrides[at]
    for later in overrides[at + 1 :]:
        same = (later.key_or_group, later.package) == (own.key_or_group, own.package)
        values = later._value.list if isinstance(later._value, ChoiceSweep) else [later._value]
        merged = any(isinstance(value, dict) for value in values)
        if same and not own.is_delete() and not merged:
            raise ConfigError(
                f"{own.input_line}: searched over, and set again by {later.input_line}. Give it one value with "
                f"{key}=.., which takes the place of the search, or leave one of them out."
            )


def _entangled(parsed: Mapping[str, Override], is_group: Callable[[Override], bool]) -> tuple[str, ...]:
    """The keys whose order matters: groups are chosen before values are set, and those that are added in order."""
    groups = {key for key, override in parsed.items() if is_group(override)}
    added = [key for key in groups if parsed[key].is_add()]
    found = set(added) if len(added) > 1 else set()
    for a, one in parsed.items():
        for b, other in parsed.items():
            inside = f"{other.key_or_group}.".startswith(f"{one.key_or_group}.")
            if a != b and inside and not {a, b} & groups:
                found |= {a, b}
    return tuple(key for key in parsed if key in found)


def with_whole_numbers(space: Space, takes_no_others: Callable[[Sequence[str], str], bool]) -> Space:
    """The space with whole numbers in the intervals of keys that take no others; Hydra's intervals are of reals.

    Args:
        space: as `parse` gave it.
        takes_no_others: whether a key, where some overrides are chosen, takes whole numbers only.
    """

    def typed(dimension: Dimension) -> Dimension:
        if dimension.kind != "interval" or dimension.integer:
            return dimension
        overrides = space.complete(space.first(space.needed(dimension)))
        if not takes_no_others(overrides, dimension.name):
            return dimension
        low, high = math.ceil(dimension.low), math.floor(dimension.high)
        if low > high:
            raise ConfigError(
                f"{dimension.key}={dimension.describe()}: {dimension.name} takes whole numbers, and there is none."
            )
        return _between(dimension.key, low, high, dimension.log, integer=True, when=dimension.when)

    return replace(space, dimensions=tuple(map(typed, space.dimensions)))


def _implied(
    name: str,
    group: Dimension,
    chosen: Sequence[str],
    keys: Callable[[Sequence[str], str], Sequence[str]],
) -> Condition | None:
    """Under which options of `group` the key `name` is there; None where it always is, or is not the group's."""
    node = (group.name.partition("@")[2] or group.name).replace("/", ".")
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


def _in_hydras_language(spec: Mapping[str, Any]) -> str:
    """A distribution in the words of other sweepers: type, low, high, step, log, choices."""
    if spec["type"] == "categorical":
        return f"choice({','.join(map(str, spec.get('choices', ())))})"
    low, high, step = spec.get("low", "LOW"), spec.get("high", "HIGH"), spec.get("step")
    if step and not isinstance(low, str) and not isinstance(high, str):
        # Hydra's ranges are without their end.
        return f"range({low},{high + 1 if spec['type'] == 'int' else high + step / 2},{step})"
    body = f"int(interval({low},{high}))" if spec["type"] == "int" else f"interval({low},{high})"
    return f"tag(log, {body})" if spec.get("log") else body


def _text_of(value: Any) -> str:
    """A param in Hydra's language, in which its texts are written already; a list has several values."""
    values = value if isinstance(value, list) else [value]
    return ",".join(v if isinstance(v, str) else Override._get_value_element_as_str(v) for v in values)


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
    searched: Collection[Dimension], fixed: Iterable[str], current: Callable[[str], str | None]
) -> dict[str, str | None]:
    """The values of what conditions name and that is not searched over."""
    typed = {line.lstrip("+").partition("=")[0]: line.partition("=")[2] for line in fixed}
    names = {d.name for d in searched}
    constants: dict[str, str | None] = {}
    for dimension in searched:
        if dimension.when and (key := dimension.when.key) not in names:
            constants[key] = typed[key] if key in typed else current(key)
            if constants[key] is None:
                known = did_you_mean(key, names | typed.keys())
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
    natives: list[Native] | None = None
    if isinstance(sweep, RangeSweep):
        values, natives = _numbers(sweep, override.input_line or "")
    elif isinstance(sweep, Glob):
        values = list(sweep.filter(list(options(override.key_or_group))))
    elif not override.is_sweep_override():
        values = [sweep]
    else:
        assert isinstance(sweep, ChoiceSweep)
        values = list(sweep.list)
        _check_options(override, values, options)
    if not values:
        raise ConfigError(f"{override.input_line}: no values.")
    texts = [Override._get_value_element_as_str(value) for value in values]
    known = dict(zip(texts, natives or _natives(values, texts), strict=True))  # a value given twice is one value
    if not getattr(sweep, "shuffle", False):
        return Dimension(key, "choice" if natives is None else "range", tuple(known), tuple(known.values()))
    order = list(known)
    random.Random(key).shuffle(order)  # the same order on every start
    return Dimension(key, "choice", tuple(order), tuple(known[text] for text in order))


def _numbers(sweep: RangeSweep, line: str) -> tuple[list[Any], list[Native]]:
    """The values of a range as Hydra has them, and as they are meant: 0.3 for Hydra's 0.30000000000000004."""
    assert sweep.start is not None
    assert sweep.stop is not None
    if not all(map(math.isfinite, (sweep.start, sweep.stop, sweep.step))):
        raise ConfigError(f"{line}: a range needs ends and a step that are finite numbers.")
    if not sweep.step:
        raise ConfigError(f"{line}: a range needs a step other than 0.")
    if (sweep.stop - sweep.start) / sweep.step > MOST_VALUES:
        raise ConfigError(
            f"{line}: more than {MOST_VALUES} values. Take an interval with a sweeper other than grid: "
            f"interval({sweep.start}, {sweep.stop}), or int(interval(..)) for whole numbers."
        )
    values = list(sweep.range())
    start, step = Decimal(str(sweep.start)), Decimal(str(sweep.step))
    meant = values if all(isinstance(v, int) for v in values) else [float(start + i * step) for i in range(len(values))]
    return values, meant


def _natives(values: Sequence[Any], texts: Sequence[str]) -> Sequence[Native]:
    """What samplers and tables know the values of a choice as. Python and Optuna hold 1, 1.0 and true for equal."""
    natives = [_native(value) for value in values]
    return natives if len(set(natives)) == len(set(texts)) else texts


def _native(value: Any) -> Native:
    number = isinstance(value, (int, float)) and math.isfinite(value)  # nan equals nothing, and JSON has no inf
    return value if value is None or number else plain(value)


def _interval(key: str, sweep: IntervalSweep, line: str) -> Dimension:
    assert sweep.start is not None
    assert sweep.end is not None
    integer = isinstance(sweep.start, int) or "int" in sweep.tags
    log = "log" in sweep.tags
    if not (math.isfinite(sweep.start) and math.isfinite(sweep.end)):
        raise ConfigError(f"{line}: an interval has two finite ends.")
    low, high = (int(sweep.start), int(sweep.end)) if integer else (sweep.start, sweep.end)
    if low > high:
        raise ConfigError(f"{line}: an interval goes from the smaller to the larger number.")
    if log and low <= 0:
        raise ConfigError(f"{line}: a logarithmic interval starts above 0.")
    return _between(key, low, high, log, integer)


def _between(key: str, low: float, high: float, log: bool, integer: bool, when: Condition | None = None) -> Dimension:
    """An interval; where both ends are one number, that number."""
    found = Dimension(key, "interval", low=low, high=high, log=log, integer=integer, when=when)
    return found if low < high else Dimension(key, "range", (found.text(low),), (low,), when=when)


def _check_options(override: Override, values: Sequence[Any], options: Callable[[str], Sequence[str]]) -> None:
    """A group's options must exist: found before anything is composed."""
    known = options(override.key_or_group)
    if not known:
        return
    given = [n for v in values for n in (v if isinstance(v, list) else [v])]
    for name in [plain(n) for n in given if isinstance(n, (str, QuotedString))]:
        below = "/" in name or "${" in name  # an option of a group in this one, or a name that is known later
        if not below and name.removesuffix(".yaml") not in known:
            raise ConfigError(
                f"{override.input_line}: there is no {override.key_or_group}={name}."
                f"{did_you_mean(name, known)} There are: {', '.join(known)}."
            )
