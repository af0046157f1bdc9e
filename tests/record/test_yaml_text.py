"""YAML is counted before anything is built of it: against PyYAML itself, where it can build it."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.record import yaml_text
from runner.record.yaml_text import check_unfolded


def entries(value):
    if isinstance(value, dict):
        return 1 + sum(1 + entries(entry) for entry in value.values())
    return 1 + sum(map(entries, value)) if isinstance(value, list) else 1


def allowed(text):
    try:
        check_unfolded(text)
    except ValueError:
        return False
    return True


VALUES = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(value=VALUES, times=st.integers(1, 5))
def test_as_many_as_there_are(value, times):
    """`value` is one object in several places, so that PyYAML writes an anchor and aliases for it."""
    whole = [value] * times
    text = yaml.safe_dump(whole)
    before = yaml_text.MOST
    try:
        for most, said in ((entries(whole), True), (entries(whole) - 1, False)):
            yaml_text.MOST = most
            assert allowed(text) is said, (text, most)
    finally:
        yaml_text.MOST = before


@pytest.mark.parametrize("text", ["a: [", "\x00", "a: *b", "%YAML 9\n---", "&a &b c", "!x y", ""])
def test_what_is_no_yaml_is_told_of_by_who_reads_it(text):
    assert allowed(text)


@pytest.mark.parametrize("text", ["&a [*a]", "x: &a {y: *a}", "&a {*a : 1}", "&a [[[*a]]]"])
def test_what_has_no_end(text):
    assert not allowed(text)


def test_an_anchor_may_be_taken_anew():
    assert allowed("[&a [1], &a [2], *a]")


def test_a_text_has_a_length_and_a_depth(monkeypatch):
    monkeypatch.setattr(yaml_text, "LONGEST", 10)
    assert allowed("a" * 10)
    assert not allowed("a" * 11)
    monkeypatch.undo()
    for most in ("[" * yaml_text.DEEPEST + "]" * yaml_text.DEEPEST, "[[]," + "[]," * 99 + "]"):
        assert allowed(most)
    assert not allowed("[" * (yaml_text.DEEPEST + 1))
