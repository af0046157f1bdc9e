"""Signatures as schemas: values against hints, by an oracle written another way."""

import inspect
import math
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

import pytest
import torch
from annotated_types import Ge, Gt, Interval, Le, Lt, MaxLen, MinLen
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from runner.config.signature import describe, fits, signature_of, takes_objects

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(-5, 5),
    st.sampled_from([math.nan, math.inf, 0, 1, 1.0, 0.0]),
    st.sampled_from(["a", "b", "", "1"]),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


def kind(value):
    return type(value).__name__  # 'bool' and 'int' are told apart, as YAML does


def is_number(value):
    return kind(value) == "int" or (kind(value) == "float" and not math.isnan(value))


def rows(test):
    return lambda value: kind(value) == "list" and all(test(entry) for entry in value)


# Each hint with the same rule, in plain words of Python.
RULES = [
    (int, lambda v: kind(v) == "int"),
    (float, is_number),
    (bool, lambda v: kind(v) == "bool"),
    (str, lambda v: kind(v) == "str"),
    (Any, lambda v: True),
    (None, lambda v: True),  # no annotation
    (type(None), lambda v: v is None),
    (int | None, lambda v: v is None or kind(v) == "int"),
    (Optional[float], lambda v: v is None or is_number(v)),  # noqa: UP045
    (int | str, lambda v: kind(v) in ("int", "str")),
    (float | Tensor, is_number),  # torch's own: what is no plain value can't be typed
    (Literal["a", "b"], lambda v: kind(v) == "str" and v in ("a", "b")),
    (Literal[0, "a"], lambda v: (kind(v) == "int" and v == 0) or (kind(v) == "str" and v == "a")),
    (Literal["a"] | bool, lambda v: v == "a" or kind(v) == "bool"),
    (Annotated[float, Ge(0), Lt(1)], lambda v: is_number(v) and 0 <= v < 1),
    (Annotated[int, Gt(0), Le(3)], lambda v: kind(v) == "int" and v in (1, 2, 3)),
    (Annotated[float, Interval(gt=0, le=2)], lambda v: is_number(v) and 0 < v <= 2),
    (Annotated[int, Ge(1)] | None, lambda v: v is None or (kind(v) == "int" and v > 0)),
    (tuple[int, ...], rows(lambda v: kind(v) == "int")),
    (tuple[float, float], lambda v: rows(is_number)(v) and len(v) == 2),
    (tuple[int, str], lambda v: kind(v) == "list" and [kind(e) for e in v] == ["int", "str"]),
    (tuple[Annotated[int, Ge(1)], ...], rows(lambda v: kind(v) == "int" and v >= 1)),
    (tuple[tuple[int, ...], ...], rows(rows(lambda v: kind(v) == "int"))),
    (
        Annotated[tuple[int, ...], MinLen(1), MaxLen(2)],
        lambda v: rows(lambda e: kind(e) == "int")(v) and 0 < len(v) < 3,
    ),
    (list[str], rows(lambda v: kind(v) == "str")),
    (Sequence[float], rows(is_number)),
    (tuple, lambda v: kind(v) == "list"),
    (list, lambda v: kind(v) == "list"),
    (dict, lambda v: False),
    (Mapping[str, int], lambda v: False),
]


@pytest.mark.parametrize(("hint", "rule"), RULES, ids=[str(hint) for hint, _ in RULES])
@given(value=VALUES)
def test_a_value_fits_a_hint_exactly_when_the_rule_says_so(hint, rule, value):
    assert fits(value, hint) is rule(value)


def test_mappings():
    assert fits({"a": 1}, dict)
    assert fits({"a": 1}, dict[str, int])
    assert fits({"a": 1}, Mapping[str, int])
    assert not fits({"a": 1}, int)


@dataclass
class Settings:
    first: int = 1
    second: float = 2.0


def test_settings_of_a_class_are_given_by_their_keys():
    assert not fits(3, Settings)
    assert not fits(None, Settings)
    assert describe(Settings) == "the keys first, second"


@pytest.mark.parametrize("hint", [int, float | None, tuple[int, ...], Literal["a"], Annotated[int, Ge(1)], dict, None])
def test_a_class_may_stand_only_where_objects_are_meant(hint):
    assert takes_objects(hint) is (hint is None)
    assert takes_objects(hint | nn.Module if hint else nn.Module)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (Annotated[float, Ge(0), Lt(1)], "a number in [0, 1)"),
        (Annotated[int, Ge(1)] | None, "an integer of at least 1 or null"),
        (Annotated[float, Gt(0)], "a number greater than 0"),
        (Annotated[float, Le(2)], "a number of at most 2"),
        (Literal["a", "b"], "a | b"),
        (tuple[float, float], "a list of 2, each a number"),
        (tuple[Annotated[int, Ge(1)], ...], "a list, each entry an integer of at least 1"),
        (bool, "true or false"),
        (int | float, "a number"),
        (None, "anything"),
    ],
)
def test_described_in_words(hint, words):
    assert describe(hint) == words


def test_signature_of_a_class():
    class Made:
        def __init__(self, spec, size: int, *more, rate: Annotated[float, Ge(0)] = 0.5, odd: "NoSuchName" = 3):  # noqa: F821
            pass

    class Open(Made):
        def __init__(self, spec, width=8, **rest: int):
            pass

    signature = signature_of(Made)
    assert list(signature.arguments) == ["size", "rate", "odd"]
    assert signature.supplied == {"spec"}
    assert signature.arguments["size"].required
    assert not signature.arguments["rate"].required
    assert signature.arguments["odd"].hint is None  # can't be resolved: unchecked, and it alone
    assert signature.arguments["rate"].hint == Annotated[float, Ge(0)]
    assert not signature.open
    assert signature_of(Open).open


def test_hints_that_are_inherited_are_read_where_they_were_written(monkeypatch):
    """The module of the subclass need not have the names in the hints of the class that it derives from."""
    modules = {
        "written_below": "from annotated_types import Ge\nfrom typing import Annotated\n@dataclass(kw_only=True)\n"
        "class Below:\n    size: Annotated[int, Ge(1)] = 3\n    kind: str = 'a'\n",
        "written_above": "from written_below import Below\n@dataclass(kw_only=True)\n"
        "class Above(Below):\n    path: str\n    kind: int = 1\n",
    }
    for name, text in modules.items():
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec("from __future__ import annotations\nfrom dataclasses import dataclass\n" + text, vars(module))
    hints = {name: argument.hint for name, argument in signature_of(module.Above).arguments.items()}
    assert hints == {"size": Annotated[int, Ge(1)], "kind": int, "path": str}


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop])
def test_the_defaults_of_torch_fit_the_hints_of_torch(optimizer):
    for argument in signature_of(optimizer, frozenset({"self", "params"})).arguments.values():
        assert argument.default is inspect.Parameter.empty or fits(argument.default, argument.hint), argument
        assert not fits("fast", argument.hint), argument
