"""Parts of the script beside an exported file, by numbers that were computed by hand, by numpy and by pillow."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install 'runner[deploy]')")

from runner.deploy.standalone.script import main
from runner.deploy.standalone.script.answer import classification, forecasting, multilabel, tagging
from runner.deploy.standalone.script.read import columns, images, recordings, table, texts, windows


def test_a_network_that_takes_four_at_once_is_given_the_last_one_again(monkeypatch):
    given = []

    def run(_, inputs):
        given.append(inputs[0][:, 0].tolist())
        return [inputs[0] * 2]

    monkeypatch.setattr(main, "run", run)
    network = main.Network.__new__(main.Network)
    network.names, network.batch, network.padded = ["inputs"], 4, False
    network.prepare, network.network = None, SimpleNamespace()
    outputs = network([np.array([float(i)]) for i in range(6)])
    assert outputs[:, 0].tolist() == [0, 2, 4, 6, 8, 10]
    assert given == [[0, 1, 2, 3], [4, 5, 5, 5]]


@pytest.mark.parametrize(
    ("outputs", "link", "told"),
    [
        ([[math.log(3)], [-math.log(4)]], "sigmoid", [("b", 0.25, 0.75), ("a", 0.8, 0.2)]),
        ([[math.log(0.4), math.log(0.6)]], "log", [("b", 0.4, 0.6)]),
        ([[0.7, 0.3]], "identity", [("a", 0.7, 0.3)]),
        ([[0.0, math.log(4)]], "softmax", [("b", 0.2, 0.8)]),
    ],
)
def test_probabilities_of_each_link(outputs, link, told):
    rows = classification.answer(np.array(outputs, np.float32), [], {"classes": ["a", "b"], "link": link})
    for row, (name, first, second) in zip(rows, told, strict=True):
        assert row["prediction"] == name
        assert (row["probability_a"], row["probability_b"]) == pytest.approx((first, second))


def test_labels_hold_from_the_threshold_on():
    logits = np.array([[0.0, -0.1, 1.0]])
    (row,) = multilabel.answer(logits, [], {"classes": ["a", "b", "c"], "threshold": 0.5})
    assert row["prediction"] == "a;c"


def test_tags_are_those_of_the_tokens_of_a_text():
    outputs = np.eye(2)[[[0, 1, 1, 1]]]
    about = {"classes": ["x", "y"], "token_names": ["<pad>", "one", "two"]}
    assert tagging.answer(outputs, [("f:1", {}, np.array([2, 1]))], about) == [
        {"tokens": ["two", "one"], "prediction": ["x", "y"]}
    ]


def test_a_forecast_is_the_middle_quantile_in_its_units():
    about = {"levels": [0.1, 0.5, 0.9], "target_series": 1, "target_names": ["a"], "std": [2.0], "mean": [10.0]}
    (row,) = forecasting.answer(np.array([[3.0, 1.0, 2.0, 4.0, 6.0, 5.0]]), [], about)  # crossed: they are put in order
    assert (row["prediction_1"], row["prediction_2"]) == (14, 20)
    assert (row["quantile_0.1_1"], row["quantile_0.9_2"]) == (12, 22)


def test_grey_and_dark_pixels_are_those_of_pillow(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    about = {"height": 5, "width": 4, "channels": 1, "ceiling": 255, "cover": None}
    ((_, _, grey),) = images.read(str(tmp_path / "a.npy"), about)
    expected = np.asarray(Image.fromarray(pixels).convert("L"))
    assert np.array_equal(grey[0], expected)
    ((_, _, dark),) = images.read(str(tmp_path / "a.npy"), {**about, "ceiling": 16})
    assert np.array_equal(dark[0], np.rint(expected / 255 * 16))


def test_channels_side_by_side_are_told_by_what_stands_before_the_last_line(tmp_path):
    (tmp_path / "a.csv").write_text("name,left_x_1,left_x_2,left_y_1,left_y_2\nu,1,2,3,4\n")
    about = {"columns": ["left_x", "left_y"], "named_channels": ["left_x", "left_y"], "beside": ["name"]}
    about |= {"decimal": ".", "layout": "wide", "length": 2, "gaps": "error"}
    ((_, _, values),) = recordings.read(str(tmp_path / "a.csv"), about)
    assert values.tolist() == [[1, 3], [2, 4]]


def test_gaps_are_filled_from_before_or_between():
    values = np.array([[1.0], [np.nan], [np.nan], [4.0], [np.nan]])
    assert columns.filled("a", values, {"gaps": "forward"})[:, 0].tolist() == [1, 1, 1, 4, 4]
    assert columns.filled("a", values, {"gaps": "interpolate"})[:, 0].tolist() == [1, 2, 3, 4, 4]


def test_next_times_are_a_usual_step_or_whole_months_away():
    assert windows.written(np.array([0.0, 1.0, 2.0, 9.0, 10.0]), False, 2)[-2:] == [11, 12]
    days = np.array(["2024-01-01", "2024-02-01", "2024-03-01"], "datetime64[s]").astype(float)
    assert windows.written(days, True, 2)[-2:] == ["2024-04-01", "2024-05-01"]


def test_dates_west_and_east_of_greenwich():
    for text in ("1970-01-01T00:00:01.5Z", "1969-12-31T19:00:01.5-05:00", "1970-01-01T05:30:01.5+0530"):
        assert table.told(text, "date", {}) == 1_500_000


def test_texts_that_are_too_long_keep_both_ends(tmp_path):
    (tmp_path / "a.txt").write_text("a b c d zz\n")
    about = {"tokens": "spaced", "token_names": ["p", "u", "s", "e", "a", "b", "c", "d"], "lowercase": False}
    for longest, enclosed, expected in (
        (4, True, [2, 4, 5, 3]),
        (None, True, [2, 4, 5, 6, 7, 1, 3]),
        (3, False, [4, 5, 6]),
    ):
        ((_, _, tokens),) = texts.read(str(tmp_path / "a.txt"), {**about, "longest": longest, "enclosed": enclosed})
        assert tokens.tolist() == expected
