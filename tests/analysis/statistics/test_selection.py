import math

import pytest

from runner.analysis.statistics.selection import by_study, confirm
from runner.analysis.statistics.spread import Spread


@pytest.mark.parametrize(("direction", "overstated"), [("max", 0.05), ("min", -0.05)])
def test_what_the_search_overstated(direction, overstated):
    found = confirm(0.95, {0, 1}, {7: 0.9, 8: 0.92, 9: 0.88, 10: None}, direction)
    assert found.overstated == pytest.approx(overstated)
    assert found.fresh == Spread.of([0.9, 0.92, 0.88, math.nan])


def test_seeds_of_the_search_are_not_fresh():
    with pytest.raises(ValueError, match=r"never used. Received: 1, \(0, 2\)"):
        confirm(0.95, {0, 1, (0, 2)}, {7: 0.9, 1: 0.9, (0, 2): 0.9}, "max")


def test_nothing_is_known_where_all_fresh_runs_failed():
    found = confirm(0.95, {0}, {1: math.nan, 2: None}, "max")
    assert (found.overstated, found.fresh.failures) == (None, 2)


def test_a_study_is_one_score():
    fresh = {("a", 1): 1.0, ("a", 2): 3.0, ("b", 1): 5.0, ("b", 2): None, ("c", 1): math.inf, ("d", 9): 4.0}
    assert by_study(fresh) == {"a": 2.0, "b": None, "c": None, "d": 4.0}
