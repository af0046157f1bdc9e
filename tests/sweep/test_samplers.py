"""Every sampler gives values of the space, and takes back what it was told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from runner.errors import ConfigError
from runner.sweep.language import parse
from runner.sweep.results import by_point
from runner.sweep.samplers import GP, NSGA2, Bayes, CmaEs, Grid, QuasiRandom, Random, distribution
from runner.sweep.study import Study
from runner.sweep.trial import Trial

FRACTIONS = ["range(0.1,0.9,0.2)", "range(1,0,-0.1)", "range(-0.3,0.3,0.1)", "range(1e-5,9e-5,1e-5)"]


def space(*arguments):
    return parse(arguments, {}, lambda group: [], lambda key: None, lambda lines, node: [])


def searched(sampler, found, folder, told=()):
    """Twelve points beyond those that were told before; Optuna's own study beside them."""
    study = Study(None, folder / "journal", "s", ["loss"], ["minimize"], sampler, found, 0)
    trials = [Trial(n, n, n, 0, p, [], "", {}, "completed", values=[float(p["a"])]) for n, p in enumerate(told)]
    study.reconcile(by_point(trials, 1))
    points = list(told)
    while len(points) < len(told) + 12:
        number = len(points)
        if sampler.adaptive and study.completed >= sampler.startup:
            points.append(study.ask(number))
        else:
            point = sampler.point(found, 0, number)
            if point is None:
                break
            study.begin(number, point)
            points.append(point)
        study.tell(number, "completed", [float(points[-1]["a"])])
    return points


@pytest.mark.parametrize(
    "sampler",
    [Grid(), Random(), QuasiRandom(), Bayes(5), CmaEs(5), NSGA2(4), pytest.param(GP(5), marks=pytest.mark.slow)],
    ids=lambda sampler: type(sampler).__name__,
)
@pytest.mark.parametrize("text", FRACTIONS)
def test_a_range_of_fractions_in_every_sampler(sampler, text, tmp_path):
    found = space(f"a={text}", f"b={text}", "c=range(3)")
    points = searched(sampler, found, tmp_path)
    points = searched(sampler, found, tmp_path, points)  # started again, from what lies in the folder
    assert len(points) == 24
    assert all(p["a"] in found["a"].texts and p["b"] in found["b"].texts for p in points)


@given(
    st.integers(-400, 400), st.integers(-400, 400), st.integers(1, 99), st.sampled_from([0.1, 0.01, 1e-5, 1e3, 1 / 3])
)
def test_optunas_values_of_a_range_are_hydras(start, stop, step, unit):
    step = -step if stop < start else step
    if start == stop:
        return
    found = space(f"a=range({start * unit!r},{stop * unit!r},{step * unit!r})")["a"]
    known = distribution(found)
    assert all(known._contains(known.to_internal_repr(v)) for v in found.natives)
    assert [found.text(v) for v in found.natives] == list(found.texts)  # all can be reached
    assert [found.text(v * (1 + 1e-12)) for v in found.natives] == list(found.texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("choice(1,2)", CategoricalDistribution([1, 2])),
        ("choice(true, false)", CategoricalDistribution([True, False])),
        ("choice('hello', 'world')", CategoricalDistribution(["hello", "world"])),
        ("shuffle(range(1,3))", CategoricalDistribution([2, 1])),
        ("interval(1, 5)", FloatDistribution(1, 5)),
        ("int(interval(1, 5))", IntDistribution(1, 5)),
        ("tag(log, interval(1, 5))", FloatDistribution(1, 5, log=True)),
        ("tag(log, int(interval(1, 5)))", IntDistribution(1, 5, log=True)),
        ("range(1,3)", IntDistribution(1, 2)),  # without the end, as in Hydra; theirs has it
        ("range(0.5, 5.5, step=1)", FloatDistribution(0.5, 4.5, step=1)),  # as above
        ("range(0,11,2)", IntDistribution(0, 10, step=2)),
    ],
)
@pytest.mark.parametrize("where", ["typed", "params"])
def test_what_hydra_optuna_sweeper_reads(text, expected, where):
    lines, params = ([f"key={text}"], {}) if where == "typed" else ([], {"key": text})
    (found,) = parse(lines, params, lambda group: [], lambda key: None, lambda lines, node: []).dimensions
    known = distribution(found)
    if isinstance(expected, CategoricalDistribution):
        assert set(known.choices) == set(expected.choices)  # type: ignore[attr-defined]
    else:
        assert known == expected


def test_one_value_of_hydra_optuna_sweepers_is_fixed():
    found = space("key1=choice(1,2)", "key2=5", "key3=range(1,3)")
    assert [d.key for d in found.dimensions] == ["key1", "key3"]
    assert found.fixed == ("key2=5",)


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"type": "categorical", "choices": [1, 2, 3]}, "choice(1,2,3)"),
        ({"type": "int", "low": 0, "high": 10}, "int(interval(0,10))"),
        ({"type": "int", "low": 0, "high": 10, "step": 2}, "range(0,11,2)"),
        ({"type": "int", "low": 1, "high": 100, "log": True}, "tag(log, int(interval(1,100)))"),
        ({"type": "float", "low": 0, "high": 1}, "interval(0,1)"),
        ({"type": "float", "low": 0, "high": 10, "step": 2}, "range(0,11.0,2)"),
        ({"type": "float", "low": 1, "high": 100, "log": True}, "tag(log, interval(1,100))"),
    ],
)
def test_a_distribution_written_out_is_refused_with_ours(given, ours):
    with pytest.raises(ConfigError, match=re.escape(f"Write key: '{ours}'")):
        parse([], {"key": given}, lambda group: [], lambda key: None, lambda lines, node: [])
    low, high = given.get("low", 1), given.get("high", 3)
    found = distribution(space(f"key={ours}")["key"])
    assert (min(found.choices), max(found.choices)) == (low, high) if "choices" in given else True
    assert "choices" in given or (found.low, found.high) == (low, high)


CHOICES = [
    "nan,inf,-inf,1",
    "1,1.0,true,'1'",
    "nan,'nan'",
    "a\\,b,'a,b','c d'",
    "null,'null',0",
    "[a,'b c'],{k:\"v,w\"},''",
]


@pytest.mark.parametrize("text", CHOICES)
@pytest.mark.parametrize("sampler", [Bayes(3), NSGA2(3), Random()], ids=lambda sampler: type(sampler).__name__)
def test_choices_that_look_alike_stay_apart(sampler, text, tmp_path):
    found = space("a=interval(0,1)", f"b={text}")
    points = searched(sampler, found, tmp_path)
    points = searched(sampler, found, tmp_path, points)
    assert {p["b"] for p in points} == set(found["b"].texts)
    assert [found["b"].text(v) for v in found["b"].natives] == list(found["b"].texts)


def test_what_samplers_know_a_value_as_has_no_escapes():
    assert space("b=a\\,b,'c d','it\\'s'")["b"].natives == ("a,b", "c d", "it's")
    assert space("b=[a,'b c'],{k:'v w'}")["b"].natives == ("[a,b c]", "{k:v w}")
    assert space("b=1,2.5,true,null,nan,x")["b"].texts == ("1", "2.5", "True", "null", "nan", "x")
    assert space("b=2,2.5,true,null,nan,x")["b"].natives == (2, 2.5, True, None, "nan", "x")
    assert space("b=1,true")["b"].natives == ("1", "True")
    assert space("b='a,b',a\\,b")["b"].natives == ("'a,b'", "a\\,b")
