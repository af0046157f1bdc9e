"""The figure of an ablation shows every run, difference and verdict, and nothing that is not in the file."""

import copy
import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from runner.analysis.figures.ablation import paired_dots, write
from runner.analysis.figures.rendering import png, svg
from runner.analysis.statistics.comparison import compare

SCORES = {
    "optimizer=adam": [0.90, 0.91, 0.92, 0.93, 0.94],
    "optimizer=sgd": [0.95, 0.96, 0.975, 0.98, 0.99],
    "optimizer=lion": [0.90, None, 0.91, 0.93, 0.945],
}


def told(scores=SCORES, margin=None, direction="max"):
    """The content of an ``ablation.json``."""
    judged = compare({arm: dict(enumerate(values)) for arm, values in scores.items()}, direction, margin=margin)
    arms = {
        arm: {
            "comparison": asdict(judged[arm]) if arm in judged else None,
            "runs": {
                str(seed): {"status": "failed" if value is None else "completed", "scores": {"val/accuracy": value}}
                for seed, value in enumerate(values)
            },
        }
        for arm, values in scores.items()
    }
    about = {"score": "val/accuracy", "direction": direction, "fixed": ["data=wine"], "baseline": next(iter(scores))}
    return {**about, "margin": margin, "arms": arms}


def dots(axis):
    """Where each kind of mark stands."""
    found = {}
    for line in axis.lines:
        if (mark := line.get_marker()) not in ("None", None, ""):
            found.setdefault(mark, []).extend(map(tuple, line.get_xydata().tolist()))
    return found


def test_each_run_is_a_dot_in_the_row_of_its_arm():
    runs, _ = paired_dots(told()).axes
    found = dots(runs)
    shown = sorted((round(y), x) for mark in "os" for x, y in found.get(mark, []))
    assert shown == sorted((row, v) for row, arm in enumerate(SCORES.values()) for v in arm if v is not None)
    assert [text.get_text() for text in runs.get_yticklabels()] == ["adam", "sgd", "lion"]
    assert runs.get_title("left") == "optimizer"


def test_the_baseline_is_the_first_row_wherever_it_stands_in_the_file():
    record = told() | {"arms": dict(reversed(told()["arms"].items()))}
    runs, differences = paired_dots(record).axes
    assert [text.get_text() for text in runs.get_yticklabels()] == ["adam", "lion", "sgd"]
    assert next(text.get_text() for text in differences.get_yticklabels()) == "baseline"


def test_runs_of_one_seed_are_joined_and_one_that_failed_breaks_the_line():
    runs, _ = paired_dots(told()).axes
    lines = [line.get_xdata() for line in runs.lines if len(line.get_xdata()) == 3 and line.get_marker() == "None"]
    expected = [[math.nan if v is None else v for v in seed] for seed in zip(*SCORES.values(), strict=True)]
    np.testing.assert_equal([list(map(float, line)) for line in lines], expected)


@pytest.mark.parametrize(("direction", "edge"), [("max", 0), ("min", 1)])
def test_failed_runs_are_crosses_at_the_worse_edge(direction, edge):
    record = told(direction=direction)
    runs, _ = paired_dots(record).axes
    ((x, y),) = dots(runs)["x"]
    assert round(y) == 2
    others = [v for arm in SCORES.values() for v in arm if v is not None]
    assert (x < min(others)) if edge == 0 else (x > max(others))
    assert runs.get_xlim()[0] < x < runs.get_xlim()[1]
    assert "× failed" in runs.get_xlabel()


def test_a_run_that_failed_behind_some_epochs_is_no_dot():
    record = told()
    record["arms"]["optimizer=sgd"]["runs"]["4"]["status"] = "failed"
    found = dots(paired_dots(record).axes[0])
    assert len(found["x"]) == 2
    assert 0.99 not in [x for x, _ in found["o"]]


def test_differences_intervals_margin_and_verdicts():
    record = told(margin=0.02)
    _, differences = paired_dots(record).axes
    found = dots(differences)
    for row, arm in ((1, "optimizer=sgd"), (2, "optimizer=lion")):
        judged = record["arms"][arm]["comparison"]
        assert any((judged["difference"], row) in places for places in found.values())
        ends = [list(line.get_xdata()) for line in differences.lines if list(line.get_ydata()) == [row, row]]
        assert [judged["low"], judged["high"]] in ends
    assert [text.get_text() for text in differences.get_yticklabels()] == ["baseline", "better", "no difference shown"]
    (band,) = differences.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-0.02, 0.02))


def test_a_run_that_exploded_does_not_flatten_the_others():
    runs, _ = paired_dots(told({"a=1": [0.9, 0.91, 0.92], "a=2": [0.93, 0.95, -1e30]})).axes
    low, high = runs.get_xlim()
    assert high - low < 1
    assert dots(runs)["<"] == [(pytest.approx(low, abs=0.1), pytest.approx(1, abs=0.5))]


@pytest.mark.parametrize(("arms", "seeds"), [(2, 3), (18, 3), (2, 30), (18, 30)])
def test_nothing_is_drawn_over_something_else(arms, seeds):
    """Names beside each other don't touch, and all words lie within the picture."""
    words = "regularization=[mixup,label_smoothing] optimizer=schedule_free_adamw model.hidden="
    figure = paired_dots(told({f"{words}{i}": [0.9 + 0.001 * s for s in range(seeds)] for i in range(arms)}))
    FigureCanvasAgg(figure).draw()
    whole = figure.bbox
    for axis in figure.axes:
        boxes = [label.get_window_extent() for label in axis.get_yticklabels()]
        assert all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
        for box in (*boxes, axis.xaxis.label.get_window_extent()):
            assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
    left, right = (axis.xaxis.label.get_window_extent() for axis in figure.axes)
    assert not left.overlaps(right)


def test_long_names_that_end_alike_are_told_apart():
    same = ",".join(f"technique_number_{i}" for i in range(9))
    figure = paired_dots(told({f"a=[{same},{i},{same}]": [1.0, 2.0] for i in range(3)}))
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert len(set(names)) == 3
    assert all(name.count("\n") <= 2 for name in names)


def test_more_arms_than_can_be_read_are_told_of():
    figure = paired_dots(told({f"a={i}": [1.0, 2.0] for i in range(100)}))
    assert len(figure.axes[0].get_yticklabels()) == 60
    assert "60 of 100 arms" in figure.get_suptitle()


def test_the_file_beside_the_numbers(tmp_path):
    write(tmp_path, told())
    assert (tmp_path / "ablation.png").read_bytes() == png(paired_dots(told()))
    write(tmp_path, told({"a=1": [None]}))
    assert not any(tmp_path.iterdir())


def test_nothing_to_draw():
    assert paired_dots({}) is None
    assert paired_dots(told({"a=1": [None, None]})) is None


STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400) | st.just(1e308),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def places(value, path=()):
    """Every place in a record."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


RECORD = json.loads(json.dumps(told({"a=1": [0.9, 0.91, None], "a=2": [0.93, 0.94, 0.95]}, margin=0.1)))


@settings(max_examples=20)
@given(st.sampled_from(list(places(RECORD))[1:]), STRANGE)
def test_a_record_of_somebody_else(path, value):
    record = copy.deepcopy(RECORD)
    node = record
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    figure = paired_dots(record)
    assert figure is None or svg(figure).startswith("<svg")


def test_black_and_white():
    """Verdicts are told apart by shape and filling alone."""
    far = [0.5, 0.51, 0.52]
    scores = {"a=0": far, "a=1": [v + 0.3 + 0.001 * i for i, v in enumerate(far)], "a=2": [v - 0.3 for v in far]}
    record = told({**scores, "a=3": [0.4, 0.51, 0.63]})
    record["arms"]["a=2"]["comparison"]["verdict"] = "worse"
    _, differences = paired_dots(record).axes
    looks = [
        (line.get_marker(), line.get_fillstyle()) for line in differences.lines if line.get_marker() not in ("None", "")
    ]
    assert len(set(looks)) == 3
    assert png(paired_dots(record)).startswith(b"\x89PNG")
