from __future__ import annotations

import itertools

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ConfigError
from runner.sweep.coverage import covering
from runner.sweep.language import parse, with_whole_numbers

GROUPS = {"optimizer": ["adam", "sgd", "momentum"], "regularization": ["none", "dropout", "mixup"]}


KEYS = {  # what the options of GROUPS hold
    "optimizer": {"adam": ["lr", "betas"], "sgd": ["lr"], "momentum": ["lr", "momentum"]},
    "regularization": {"none": [], "dropout": ["dropout"], "mixup": ["mixup"]},
    "regularization.dropout": {"dropout": ["p"]},
    "regularization.mixup": {"mixup": ["alpha"]},
}


def keys(lines, node):
    chosen = dict(line.partition("=")[::2] for line in lines)[node.partition(".")[0]].strip("[]").split(",")
    return [key for option in chosen for key in KEYS[node].get(option, [])]


def space(*arguments, **params):
    return parse(arguments, params, lambda group: GROUPS.get(group, []), {"model": "mlp", "a": "1"}.get, keys)


numbers = st.integers(-20, 20) | st.floats(-20, 20).map(lambda v: round(v, 2))
values = st.one_of(
    numbers.map(str),
    st.sampled_from(["true", "null", "abc", "'a, b'", "[1,2]", "{k: 1}", "a-b", "1e-3"]),
)
sweeps = st.one_of(
    st.lists(values, min_size=2, max_size=4, unique=True).map(",".join),
    st.lists(values.filter("null".__ne__), min_size=1, max_size=4).map(lambda v: f"choice({','.join(v)})"),
    st.tuples(st.integers(-5, 5), st.integers(6, 12), st.integers(1, 4)).map(lambda t: f"range({t[0]},{t[1]},{t[2]})"),
    st.tuples(st.integers(-5, 5), st.integers(6, 12)).map(lambda t: f"range({t[1]},{t[0]},-2)"),
    st.just("range(0,1,0.25)"),
)


def test_null_of_yaml_is_null():
    assert space(a=None, b=True).fixed == ("a=null", "b=True")


@given(st.lists(sweeps, min_size=1, max_size=3))
def test_the_grid_is_plain_hydras(texts):
    lines = [f"k{i}={text}" for i, text in enumerate(texts)]
    plain = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(lines), None)[0]
    found = space(*lines)
    ours = [found.overrides(p) for p in found.grid()]
    assert ours == [list(p) for p in dict.fromkeys(map(tuple, plain))]  # plain Hydra repeats a value given twice


def test_range_has_its_last_value():
    assert [p["a"] for p in space("a=range(0,5,2)").grid()] == ["0", "2", "4"]


def test_command_line_wins_over_params():
    found = space("a=1,2", a="5,6,7", b="1,2")
    assert [d.key for d in found.dimensions] == ["a", "b"]  # in the place of the first, as in Hydra
    assert found["a"].texts == ("1", "2")
    assert space("a=3", a="5,6,7", b="1,2").fixed == ("a=3",)


def test_intervals():
    lr, batch, plain = space("lr=tag(log,interval(1e-4,1e-1))", "b=int(interval(16,512))", "c=interval(0,1)").dimensions
    assert (lr.low, lr.high, lr.log, lr.integer) == (1e-4, 1e-1, True, False)
    assert (batch.low, batch.high, batch.log, batch.integer) == (16, 512, False, True)
    assert (plain.low, plain.high, plain.log) == (0.0, 1.0, False)
    assert space("n=tag(log,int(interval(1,64)))").dimensions[0].describe() == "tag(log, int(interval(1, 64)))"


@given(sweeps | st.sampled_from(["interval(0,1)", "tag(log, interval(1e-4, 1))", "int(interval(1,9))"]))
def test_a_description_means_the_same(text):
    first = space(f"k={text}").dimensions[0]
    if len(first.texts) == 1:
        return  # a single value is no search on the command line
    again = space(f"k={first.describe()}").dimensions[0]
    assert (again.texts, again.low, again.high, again.log) == (first.texts, first.low, first.high, first.log)


def test_conditions():
    params = {
        "optimizer.momentum": {"space": "0.5,0.9", "when": "optimizer=sgd,momentum"},
        "optimizer": "adam,sgd,momentum",
        "regularization.mixup.alpha": {"space": "0.2,0.4", "when": "regularization=mixup"},
        "regularization": "none,[dropout,mixup]",
    }
    points = list(space(**params).grid())
    expected = [
        (o, m, r, a)
        for o, r in itertools.product(["adam", "sgd", "momentum"], ["none", "[dropout,mixup]"])
        for m in ([None] if o == "adam" else ["0.5", "0.9"])
        for a in ([None] if r == "none" else ["0.2", "0.4"])
    ]
    keys = ["optimizer", "optimizer.momentum", "regularization", "regularization.mixup.alpha"]
    assert sorted(tuple(str(p.get(k)) for k in keys) for p in points) == sorted(tuple(map(str, e)) for e in expected)


@pytest.mark.parametrize(
    ("arguments", "when"),
    [
        (["regularization=none,dropout", "regularization.dropout.p=0.1,0.3"], ("regularization", ("dropout",))),
        (
            ["regularization=none,[mixup,dropout]", "regularization.dropout.p=choice(0.1)"],
            ("regularization", ("dropout",)),
        ),
        (["optimizer=adam,sgd,momentum", "optimizer.momentum=0.9,0.95"], ("optimizer", ("momentum",))),
        (["optimizer=adam,sgd", "optimizer.betas=[0.9,0.99],[0.5,0.9]"], ("optimizer", ("adam",))),
        (["optimizer=adam,sgd", "optimizer.lr=0.1,0.2"], None),
        (["regularization=[dropout,mixup],dropout", "regularization.dropout.p=0.1,0.3"], None),
        (["regularization=dropout", "a=1,2", "regularization.dropout.p=0.1,0.3"], None),
    ],
)
def test_a_value_of_a_searched_group_is_set_where_the_option_has_it(arguments, when):
    found = space(*arguments)
    condition = found[arguments[-1].partition("=")[0]].when
    assert (condition and (condition.key, condition.values)) == when
    key = arguments[-1].partition("=")[0]
    for point in found.grid():
        option = point.get(arguments[0].partition("=")[0], "dropout")
        group, _, name = key.partition(".")
        held = keys([f"{group}={option}"], group)
        assert (key in point) == (name.partition(".")[0] in held)


def test_a_value_that_no_searched_option_has():
    with pytest.raises(ConfigError, match="Did you mean 'momentum'"):
        space("optimizer=sgd,momentum", "optimizer.momentm=0.1,0.2")
    with pytest.raises(ConfigError, match="dropout has no key 'q'"):
        space("regularization=none,dropout", "regularization.dropout.q=0.1,0.2")


def test_a_condition_on_what_is_not_searched():
    assert len(list(space("a=1,2", b={"space": "3,4", "when": "model=mlp"}).grid())) == 4
    assert len(list(space("a=1,2", b={"space": "3,4", "when": "model=cnn"}).grid())) == 2
    assert len(list(space("a=1,2", "model=cnn", b={"space": "3,4", "when": "model=cnn"}).grid())) == 4


@pytest.mark.parametrize(
    ("arguments", "params", "message"),
    [
        (["optimizer=adam,sgdd"], {}, "no optimizer=sgdd. Did you mean 'sgd'"),
        (["regularization=none,[dropout,mixupp]"], {}, "no regularization=mixupp. Did you mean 'mixup'"),
        (["a=tag(lgo,interval(0,1))"], {}, "unknown tag lgo"),
        (["a=interval(1,0)"], {}, "from the smaller to the larger"),
        (["a=1,"], {}, "can't be read"),
        ([], {"a": {"space": "1,2", "wehn": "b=1"}}, "unknown 'wehn'. Did you mean 'when'"),
        ([], {"a": {"space": "1,2", "when": "optimizer=sgdd"}}, "optimizer has no option 'sgdd'. Did you mean 'sgd'"),
        ([], {"a": {"when": "b=1"}}, "space is missing"),
        ([], {"a": {"space": "1,2", "when": "sgd"}}, "is no condition"),
        ([], {"a": {"space": "1,2", "when": "optimzer=sgd"}, "optimizer": "adam,sgd"}, "Did you mean 'optimizer'"),
        ([], {"a": {"space": "1,2", "when": "b=1"}, "b": {"space": "1,2", "when": "a=1"}}, "wait for each other"),
        (["a=range(1,5,0)"], {}, "step other than 0"),
    ],
)
def test_mistakes(arguments, params, message):
    with pytest.raises(ConfigError, match=message):
        space(*arguments, **params)


def test_checking_reaches_every_option_and_both_ends():
    params = {"optimizer.momentum": {"space": "interval(0.5,0.9)", "when": "optimizer=sgd"}}
    found = space(
        "optimizer=adam,sgd,momentum", "regularization=none,dropout", "lr=interval(0,1)", "n=range(5)", **params
    )
    points = list(covering(found, lambda d: d.key in GROUPS))
    pairs = {(p["optimizer"], p["regularization"]) for p in points}
    assert pairs == set(itertools.product(["adam", "sgd", "momentum"], ["none", "dropout"]))
    assert {p["lr"] for p in points} == {"0.0", "1.0"}
    assert {p["n"] for p in points} == {"0", "4"}
    assert {p.get("optimizer.momentum") for p in points} == {None, "0.5", "0.9"}
    many = space(*(f"g{i}=a,b,c" for i in range(5)))
    assert len(list(covering(many, lambda d: True))) == 15  # 243 combinations: each option once instead


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("range(0.1,0.9,0.1)", 0.3, "0.30000000000000004"),
        ("range(0.1,0.9,0.1)", "0.3", "0.30000000000000004"),
        ("1e-3,1e-4", "1e-3", "0.001"),
        ("true,false,null", True, "True"),
        ("true,false,null", None, "null"),
        ("a\\,b,'c d'", "a,b", "a\\,b"),
        ("a\\,b,'c d'", "c d", "'c d'"),
        ("[8,8],[16]", [8, 8], "[8,8]"),
        ("interval(0,1)", 1, "1.0"),
    ],
)
def test_a_value_that_a_file_gives(text, value, expected):
    assert space(f"k={text}")["k"].given(value) == expected
    with pytest.raises(ConfigError, match="not in the search space"):
        space(f"k={text}")["k"].given("else")


def test_whole_numbers_where_a_key_takes_no_others():
    found = with_whole_numbers(
        space(
            "optimizer=adam,momentum",
            "optimizer.momentum=interval(1,3)",
            "a=interval(1,9)",
            "b=interval(1,9)",
            "c=interval(0.5,3)",
            "d=1,2",
            "e=3",
        ),
        lambda overrides, key: key != "b" and ("optimizer" not in key or "optimizer=momentum" in overrides),
    )
    assert {d.key: d.integer for d in found.dimensions} == {
        "optimizer": False,
        "optimizer.momentum": True,
        "a": True,
        "b": False,
        "c": True,
        "d": False,
    }
    assert found["a"].describe() == "int(interval(1, 9))"
    assert found["c"].describe() == "int(interval(1, 3))"
