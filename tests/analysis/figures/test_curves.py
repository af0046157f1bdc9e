"""Figures of runs, sweeps and configurations, from their folders."""

import json
import statistics

import pytest

from runner.analysis.compared import compared
from runner.analysis.figures.groups import means
from runner.analysis.figures.learning_curves import learning_curves
from runner.analysis.figures.limits import limits
from runner.analysis.figures.names import folded, short_names
from runner.analysis.figures.rendering import svg
from runner.analysis.figures.sweep import history, importance
from runner.analysis.groups import group
from runner.analysis.run import Run
from runner.errors import ConfigError


@pytest.fixture
def runs(make, tmp_path):
    """Two configurations of two runs; one of them ended early."""

    def curves(name, losses, lr):
        folder = make(tmp_path / name, best=losses[-1], seed=int(name[-1]), optimizer__lr=lr)
        rows = [{"epoch": e, "train/loss": v / 2, "val/loss": v, "val/f1": 1 - v} for e, v in enumerate(losses, 1)]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Run.read(folder)

    return {
        "optimizer.lr=0.1": [curves("a0", [0.8, 0.6, 0.4], 0.1), curves("a1", [0.6, 0.2], 0.1)],
        "optimizer.lr=0.2": [curves("b0", [0.5, 0.4, 0.3], 0.2), curves("b1", [0.5, 0.4, 0.3], 0.2)],
    }


def lines(axis):
    return {line.get_label(): line.get_xydata().tolist() for line in axis.lines}


def test_of_several_runs_the_mean_and_the_range(runs):
    figure = learning_curves({"a": runs["optimizer.lr=0.1"]})
    loss, f1 = figure.axes
    assert lines(loss)["validation"] == [[1, 0.7], [2, 0.4], [3, 0.4]]
    assert lines(loss)["training"] == [[1, 0.35], [2, 0.2], [3, 0.2]]
    band = {tuple(point) for point in loss.collections[1].get_paths()[0].vertices.round(6).tolist()}
    assert {(1, 0.6), (1, 0.8), (2, 0.2), (2, 0.6), (3, 0.4)} == band
    assert list(lines(f1)) == ["validation"]


def test_of_one_run_there_is_no_band(runs):
    figure = learning_curves({"a": runs["optimizer.lr=0.1"][:1]})
    assert not figure.axes[0].collections
    assert lines(figure.axes[0])["validation"] == [[1, 0.8], [2, 0.6], [3, 0.4]]


def test_each_configuration_has_a_panel_with_the_first_one_in_all(runs):
    figure = learning_curves(runs)
    first, second = figure.axes
    assert [axis.get_title() for axis in figure.axes] == ["0.1", "0.2"]
    assert "optimizer.lr" in figure.get_suptitle()
    assert lines(second)["validation of 0.1"] == lines(first)["validation"]
    assert first.get_ylim() == second.get_ylim()


def test_runs_without_epochs_have_no_curves(make, tmp_path):
    assert learning_curves({"a": [Run.read(make(tmp_path / "a"))]}) is None
    assert learning_curves({}) is None


def test_epochs_of_somebody_else(make, tmp_path):
    folder = make(tmp_path / "a")
    rows = ['{"epoch": "x", "val/loss": 1}', '{"val/loss": 1}', '{"epoch": 1, "val/loss": NaN, "val/$": "y"}', "[]"]
    rows += [
        '{"epoch": 2, "val/loss": %s, "train/$\\\\frac$": 1, "val/\\u001b[2J": 1}' % ("9" * 400),
        '{"epoch": 3, "val/loss": 1e308}',
        '{"epoch": 4, "val/loss": 1e30}',
    ]
    (folder / "metrics.jsonl").write_text("\n".join(rows))
    for groups in ({"a": [Run.read(folder)]}, {"$a": [Run.read(folder)], "b=$": [Run.read(folder)]}):
        assert svg(learning_curves(groups)).startswith("<svg")


def test_means_of_configurations(runs):
    groups = group([run for members in runs.values() for run in members])
    found = compared(groups)
    (axis,) = means(found, "val/loss", "min").axes
    places = [tuple(line.get_xydata()[0]) for line in axis.lines if line.get_marker() == "D"]
    assert places == [(pytest.approx(statistics.fmean(v)), row) for row, v in enumerate([(0.3, 0.3), (0.4, 0.2)])]
    (spread,) = (line.spreads["val/loss"] for line in found.lines if "0.1" in line.name)
    assert [spread.low, spread.high] in [list(line.get_xdata()) for line in axis.lines]
    assert "less is better" in axis.get_xlabel()
    assert means(found, "val/other") is None


@pytest.fixture
def sweep(few_runs, tmp_path):
    """A sweep's folder with four completed points, one that was pruned and one that failed."""
    from tests.analysis.figures.sweeps import write_sweep

    return write_sweep(tmp_path / "sweep", [0.5, 0.4, 0.45, 0.1], pruned=[0.9], failed=1)


def test_the_history_of_a_sweep(sweep):
    (axis,) = history(sweep).axes
    found = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert found["best"] == [[0, 0.5], [1, 0.4], [2, 0.4], [3, 0.1]]
    assert [x for x, _ in found["failed"]] == [5]
    marks = {line.get_marker(): line.get_xydata().tolist() for line in axis.lines}
    assert marks["o"] == [[0, 0.5], [1, 0.4], [2, 0.45], [3, 0.1]]
    assert marks["v"] == [[4, 0.9]]


def test_what_mattered_in_a_sweep(sweep):
    (axis,) = importance(sweep).axes
    assert {label.get_text() for label in axis.get_yticklabels()} == {"lr"}


def test_a_damaged_sweep(sweep, tmp_path):
    with pytest.raises(ConfigError, match="not the folder of a sweep"):
        history(tmp_path)
    text = (sweep / "sweep.yaml").read_text()
    (sweep / "sweep.yaml").write_text(text.replace("kind: interval", "kind2: interval"))
    with pytest.raises(ConfigError, match="can't be drawn"):
        importance(sweep)


@pytest.mark.parametrize(
    ("names", "key", "short"),
    [
        (["optimizer=adam", "optimizer=sgd"], "optimizer", ["adam", "sgd"]),
        (["a=1 b=2", "a=1 b=3"], "b", ["2", "3"]),
        (["a=1 b=2", "a=2 b=3"], "a, b", ["1 2", "2 3"]),
        (["a=1", "b=1"], "", ["a=1", "b=1"]),
        (["all runs"], "", ["all runs"]),
        (["a=1"], "a", ["1"]),
    ],
)
def test_names(names, key, short):
    assert short_names(names) == (key, short)


def test_a_name_is_folded_at_commas():
    assert folded("[mixup,label_smoothing,dropout]", 20) == "[mixup,\nlabel_smoothing,\ndropout]"


def test_what_is_shown_of_an_axis():
    assert limits([1.0, 2.0]) == (0.94, 2.06)
    assert limits([1.0, 1.0]) == (0.95, 1.05)
    assert limits([0.0]) == (-0.5, 0.5)
    low, high = limits([*range(10), 1e9])
    assert low < 0 and 9 < high < 100
    assert limits([*range(10), 1e9], shown=[-100.0])[0] < -100
