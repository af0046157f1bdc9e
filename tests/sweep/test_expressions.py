"""Ranges, intervals and choices drawn at random: the values that a sweep gives a key, and what Hydra itself gives it.

``EXPRESSIONS=10000 pytest tests/sweep/test_expressions.py`` tries more of them: some two minutes.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from functools import cache

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from runner.errors import ConfigError
from runner.sweep.language import parse
from runner.sweep.samplers import distribution
from runner.sweep.sequences import quantile

MANY = int(os.environ.get("EXPRESSIONS", "1000"))

whole = st.integers(-50, 50)
fraction = st.builds(lambda n, digits: round(n * 10.0**-digits, digits), st.integers(-999, 999), st.integers(0, 6))
exponent = st.builds(lambda n, e: f"{n}e{e}", st.integers(-9, 9), st.integers(-12, 12))
number = st.one_of(whole.map(str), fraction.map(repr), exponent)
plain_words = st.text("abcXYZ019_-./", min_size=1, max_size=6)
quoted = st.builds(
    lambda text, q: q + text.replace(q, "\\" + q) + q, st.text("ab ,:=[]{}()'\"$", max_size=6), st.sampled_from("'\"")
)
escaped = st.text("ab\\()[]{}:=, ", min_size=1, max_size=4).map(
    lambda t: "".join(f"\\{c}" if c not in "ab" else c for c in t)
)
special = st.sampled_from(["null", "true", "False", "nan", "inf", "-inf", "${x}", "-0.0", "1_000", "''", "é", "a b"])
scalar = st.one_of(number, number, plain_words, quoted, escaped, special)
nested = st.recursive(
    scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: f"[{','.join(v)}]"),
        st.lists(st.tuples(st.sampled_from("abc"), inner), max_size=2).map(
            lambda v: "{" + ",".join(f"{k}:{t}" for k, t in dict(v).items()) + "}"
        ),
    ),
    max_leaves=4,
)
several = st.lists(nested, min_size=1, max_size=5).map(",".join)
ranges = st.one_of(
    st.tuples(number).map(lambda t: f"range({t[0]})"),
    st.tuples(number, number).map(lambda t: f"range({t[0]},{t[1]})"),
    st.tuples(number, number, number).map(lambda t: f"range({','.join(t)})"),
    st.tuples(number, number, number).map(lambda t: f"range({t[0]},stop={t[1]},step={t[2]})"),
)
intervals = st.one_of(
    st.tuples(number, number).map(lambda t: f"interval({t[0]},{t[1]})"),
    st.tuples(number, number).map(lambda t: f"interval(start={t[0]},end={t[1]})"),
)
discrete = st.one_of(several, several.map(lambda v: f"choice({v})"), ranges, ranges)
called = st.one_of(
    discrete,
    st.tuples(st.sampled_from(["sort", "shuffle", "int", "float", "str", "bool"]), discrete).map(
        lambda t: f"{t[0]}({t[1]})"
    ),
    discrete.map(lambda v: f"sort({v},reverse=true)"),
    st.tuples(st.sampled_from(["int", "float", "tag(log,", "tag("]), intervals).map(
        lambda t: f"{t[0]}{'' if '(' in t[0] else '('}{t[1]})"
    ),
    intervals,
)


@cache
def parser():
    return OverridesParser.create()


def count(override):
    """How many values a range has; some have more than there is memory for."""
    sweep = override._value
    if not override.is_range_sweep():
        return 0
    ends = (sweep.start, sweep.stop, sweep.step)
    return (sweep.stop - sweep.start) / sweep.step if sweep.step and all(map(math.isfinite, ends)) else math.inf


def value(text):
    """What the key holds when it is set, as its exact type and text."""
    config = OmegaConf.create({"k": {}, "x": 1})
    config.k = None
    ConfigLoaderImpl._apply_overrides_to_config([parser().parse_override(f"k={text}")], config)
    return repr(OmegaConf.to_container(config, resolve=False)["k"])


def compare(expression):
    """Ours beside Hydra's. Gives the kind of the expression, for counting."""
    line = f"k={expression}"
    try:
        override = parser().parse_override(line)
    except HydraException:
        with pytest.raises(ConfigError, match="can't be read"):
            space(line)
        return "unreadable"
    if override.is_interval_sweep():
        return interval(line, override._value)
    if count(override) > 2000:
        return "too long"
    if not override.is_sweep_override():
        assert space(line).complete({}) == BasicSweeper.split_arguments([override], None)[0][0]
        return "one value"
    try:
        theirs = [job[0] for job in BasicSweeper.split_arguments([override], None)[0]]
    except HydraException:
        theirs = []  # a step of 0
    except ValueError:
        theirs = []
    if not theirs or override._value.tags:
        with pytest.raises(ConfigError, match=r"no values|step other than 0|tags are for intervals"):
            space(line)
        return "refused"
    found = space(line)
    ours = [job for point in found.grid() for job in found.complete(point)]
    once = list(dict.fromkeys(theirs))  # a value given twice is one value
    if getattr(override._value, "shuffle", False):
        assert Counter(ours) == Counter(once)  # in another order than theirs, which is another each time
    else:
        assert ours == once
    (dimension,) = found.dimensions
    texts = [text.removeprefix("k=") for text in once]
    assert {text: reading(text) for text in dimension.texts} == {text: reading(text) for text in texts}
    reachable(dimension)
    return dimension.kind


def reading(text):
    """The value that a text means; a few of Hydra's own texts can't be read by Hydra."""
    try:
        return value(text)
    except HydraException:
        return "unreadable"


def reachable(dimension):
    """Every value can be drawn, and what Optuna draws is one of them."""
    size = len(dimension.texts)
    assert {quantile(dimension, (i + 0.5) / size) for i in range(size)} == set(dimension.texts)
    assert len(set(dimension.natives)) == size
    known = distribution(dimension)
    for text, native in zip(dimension.texts, dimension.natives, strict=True):
        internal = known.to_internal_repr(native)
        assert known._contains(internal)
        assert dimension.text(known.to_external_repr(internal)) == text


def interval(line, sweep):
    finite = math.isfinite(sweep.start) and math.isfinite(sweep.end)
    if not finite or sweep.start > sweep.end or ("log" in sweep.tags and sweep.start <= 0):
        with pytest.raises(ConfigError, match="interval"):
            space(line)
        return "refused"
    (dimension,) = space(line).dimensions
    assert distribution(dimension)
    ends = [float(text) for text in dimension.ends()]
    assert (min(ends), max(ends)) == (sweep.start, sweep.end)
    for share in (0.0, 0.25, 0.5, 0.999999):
        drawn = quantile(dimension, share)
        assert sweep.start <= float(drawn) <= sweep.end
        assert isinstance(sweep.start, float) or float(drawn).is_integer()
        assert value(drawn) == drawn  # Hydra reads the number that was drawn
    return "interval"


def space(line):
    return parse([line], {}, lambda group: [], lambda key: None, lambda lines, node: [])


def tried(number):
    kinds = Counter()

    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(called)
    def each(expression):
        kinds[compare(expression)] += 1

    each()
    return kinds


def test_expressions_mean_what_they_mean_in_hydra():
    tried(300)


@pytest.mark.long
def test_many_expressions_mean_what_they_mean_in_hydra():
    kinds = tried(MANY)
    assert sum(kinds.values()) >= MANY
    assert min(kinds[kind] for kind in ("choice", "range", "interval")) >= MANY / 20, kinds
