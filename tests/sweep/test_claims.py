"""Claims of drivers that share a study, one after the other in one process; test_shared_study has several at once."""

import pytest

from runner.errors import ConfigError
from runner.sweep.language import parse
from runner.sweep.results import by_point
from runner.sweep.samplers import Grid
from runner.sweep.shared_study import SharedStudy
from runner.sweep.study import POINT
from runner.sweep.trial import Trial

SPACE = parse(["a=range(6)"], {}, lambda group: [], lambda key: None, lambda lines, node: [])


@pytest.fixture
def driver(tmp_path):
    def make(name, *, points=(), take_over=None, left=(), seed=0):
        gone = None if take_over is None else tmp_path / take_over
        searched = (["loss"], ["minimize"], Grid(), SPACE, seed)
        url, folder = f"sqlite:///{tmp_path / 'study'}", tmp_path / name
        folder.mkdir(exist_ok=True)
        made = SharedStudy(url, "s", *searched, f"{ord(name):x}", folder, gone, left)
        made.reconcile(by_point(points, 1))
        return made

    return make


def trial(number, status="completed"):
    values = [float(number)] if status == "completed" else None
    return Trial(number, number, number, 0, {"a": str(number)}, [], str(number), {}, status, values=values)


def begin(study, number):
    study.begin(number, Grid().point(SPACE, 0, number))


def test_no_point_is_claimed_twice_and_as_many_as_are_wanted(driver, monkeypatch):
    a, b = driver("a"), driver("b")
    claims = [study.claim(9, 3) for study in (a, b, a, b, a)]
    assert claims == [0, 1, 2, None, None]
    assert (a.asked(2), b.asked(1)) == (3, 3)
    assert [a.claim(9, 6), b.claim(9, 6), a.claim(9, None)] == [3, 4, 5], "more are wanted later: none is left out"
    looks, plain = [[]], a._all_claims
    monkeypatch.setattr(a, "_all_claims", lambda: looks.pop() if looks else plain())
    assert a.claim(9, 6) is None, "another driver's claim came between its look and its own"
    assert (a.asked(4), b.claim(9, 6), b.asked(2)) == (6, None, 6)


def test_what_was_claimed_and_not_begun_is_begun_after_a_restart(driver):
    a, b = driver("a"), driver("b")
    assert (a.claim(9, None), b.claim(9, None), a.claim(9, None)) == (0, 1, 2)
    begin(a, 0)
    a.tell(0, "completed", [0.0])
    again = driver("a", points=[trial(0)])
    assert (again.asked(1), again.taken()) == (2, {1})
    assert [again.claim(9, None), again.claim(9, None)] == [2, 3]


def test_a_claim_that_stands_for_no_point_is_given_back(driver):
    a = driver("a")
    number = a.claim(9, None)
    a.drop(number)
    assert driver("b").asked(0) == 0


def test_what_another_driver_left_is_taken_over_once(driver):
    a = driver("a")
    for _ in range(3):
        begin(a, a.claim(9, None))
    a.tell(0, "completed", [0.0])
    left = by_point([trial(0), trial(1), trial(2, "running")], 1)  # it died before it told of point 1
    b = driver("b", take_over="a", left=left)
    assert [b.claim(9, 3), b.claim(9, 3)] == [2, None]
    c = driver("c", take_over="a", left=left)
    assert (c.claim(9, 3), c.claim(9, 4)) == (None, 3), "what was taken over counts once"
    done = {t.user_attrs[POINT]: t.values for t in b.study.get_trials() if t.state.name == "COMPLETE"}
    assert done == {0: [0.0], 1: [1.0]}
    assert driver("a", points=[trial(0), trial(1), trial(2, "interrupted")]).taken() == {2, 3}


def test_another_search_is_refused(driver):
    driver("a")
    with pytest.raises(ConfigError, match="shared_study=s: is another search than this one"):
        driver("b", seed=1)
