from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import optuna
from hypothesis import given
from hypothesis import strategies as st

from runner.sweep.folder import SweepFolder
from runner.sweep.results import Front, best, by_point
from runner.sweep.tables import Tables
from runner.sweep.trial import Trial


def trial(number, point, values, status="completed"):
    return Trial(number, point, number, 0, {}, [], "f", {}, status=status, values=values)


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=5))
def test_repeats_add_up(table):
    trials = [trial(3 * p + r, p, [v]) for p, row in enumerate(table) for r, v in enumerate(row)]
    for point, row in zip(by_point(trials[::-1], 3), table, strict=True):
        np.testing.assert_allclose(point.values, [np.mean(row)], atol=1e-12)
        np.testing.assert_allclose(point.errors, [np.std(row, ddof=1) / math.sqrt(3)], atol=1e-12)


def test_a_point_counts_when_all_its_repeats_are_done():
    rows = [trial(0, 0, [1.0]), trial(1, 0, [2.0]), trial(2, 1, [1.0]), trial(3, 1, None, "failed"), trial(4, 2, [9.0])]
    points = by_point(rows, 2)
    assert [p.status for p in points] == ["completed", "failed", "running"]
    assert [p.values for p in points] == [[1.5], None, None]
    assert [p.point for p in best(points, [1.0])] == [0]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20),
    st.sampled_from([("minimize", "minimize"), ("minimize", "maximize")]),
)
def test_the_front_is_optunas(values, directions):
    study = optuna.create_study(directions=directions)
    for pair in values:
        study.add_trial(optuna.trial.create_trial(values=[float(v) for v in pair]))
    points = by_point([trial(n, n, [float(v) for v in pair]) for n, pair in enumerate(values)], 1)
    signs = [1.0 if d == "minimize" else -1.0 for d in directions]
    assert sorted(p.point for p in best(points, signs)) == sorted(t.number for t in study.best_trials)


@given(
    st.lists(st.none() | st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12),
    st.integers(0, 12),
    st.sampled_from([[1.0], [1.0, -1.0]]),
)
def test_the_front_is_kept_up_to_date_point_by_point(values, before, signs):
    """Those of `None` completed without a score; a running point counts for nothing."""
    given = [None if v is None else [float(x) for x in v[: len(signs)]] for v in values]
    points = by_point([trial(n, n, v) for n, v in enumerate(given)], 1)
    front = Front(points[:before], signs)
    for point in reversed(points[before:]):
        front.add(replace(point, status="running"))
        front.add(point)
    assert front.points == best(points, signs)


def test_best_yaml_is_written_where_another_point_or_more_of_it_is_best(tmp_path, monkeypatch):
    composed = []
    tables = Tables(
        SimpleNamespace(space=SimpleNamespace(dimensions=[]), objectives=["x"]), SweepFolder(tmp_path), None
    )
    monkeypatch.setattr(tables, "recipe", lambda point: composed.append(point.point) or "")
    one, two = by_point([trial(0, 0, [1.0]), trial(1, 1, [2.0])], 1)
    more = by_point([trial(0, 0, [1.0]), trial(2, 0, [1.0])], 1)
    for front in ([one], [one], [two], [], [one], more, more):
        tables.write([], [], front)
    assert composed == [0, 1, 0, 0]
