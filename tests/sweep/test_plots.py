from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from runner.hparams import row_name
from runner.sweep import plots
from runner.sweep.advice import edge
from runner.sweep.importance import importances
from runner.sweep.language import parse
from runner.sweep.painter import Painter
from runner.sweep.plots import draw, rows
from tests.record.board import Board


def test_pictures_of_a_sweep(app):
    app("curves", "lr=0.01,0.1,1", "optimizer.name=sgd,adam", "sleep=0", "hydra.sweeper.workers=2")
    made, _ = draw(app.folder)
    names = {"history", "importances", "slice", "parallel", "intermediate"}
    assert {p.stem for p in made} == names
    for path in made:
        assert np.ptp(imread(path)[..., :3].mean(axis=-1)) > 0.5, f"{path.name} is blank"


def test_trials_of_any_application_have_rows_in_tensorboard(app):
    command = ("curves", "lr=0.01,0.1", "optimizer.name=sgd,adam", "sleep=0", "hydra.sweeper.workers=2")
    app(*command)
    for _ in range(2):  # the same command once more, or a longer one, draws again
        rows(app.folder)
        board = Board(app.folder)
        assert list(board.columns()[0]) == ["lr", "optimizer.name"]
        shown = board.rows()
        assert len(shown) == len(app.rows) == len(board.entries) == 4
        for row in app.rows:
            values, scores, (session,) = shown[row_name(app.folder / row["folder"])]
            assert values == {"lr": float(row["lr"]), "optimizer.name": row["optimizer.name"]}
            assert scores == {"val/loss": pytest.approx(float(row["val/loss"]))}
            assert session["status"] == "STATUS_SUCCESS"
            ((step, _),) = board.scalars(session["name"])["val/loss"]
            assert step == int(row["number"]) + 1


def test_front_picture(app):
    app("pareto", "x=0,1,2", "y=0,1", "hydra.sweeper.directions=[minimize,minimize]")
    assert "pareto" in {p.stem for p in draw(app.folder)[0]}


def test_importances_of_a_known_function():
    rng = np.random.default_rng(0)
    points = [{"a": repr(a), "b": repr(b), "c": "fixed"} for a, b in rng.uniform(size=(120, 2)).tolist()]
    kinds = {key: {"kind": "interval", "log": False} for key in ("a", "b")} | {"c": {"kind": "choice", "log": False}}
    # Variance of 3 a + b over the unit square: 9/12 and 1/12, hence shares 0.9 and 0.1.
    found = importances(kinds, [(p, 3 * float(p["a"]) + float(p["b"])) for p in points])
    assert list(found) == ["a", "b"]
    assert found["a"] == pytest.approx(0.9, abs=0.04)


def test_importances_of_a_key_of_many_choices():
    rng = np.random.default_rng(0)
    effects = {f"option{i}": float(e) for i, e in enumerate(rng.permutation(30))}  # names say nothing of the order
    drawn = zip(rng.choice(list(effects), 300).tolist(), rng.uniform(0, 29, 300).tolist())
    points = [({"a": a, "b": repr(b)}, effects[a] + b) for a, b in drawn]
    kinds = {"a": {"kind": "choice", "log": False}, "b": {"kind": "interval", "log": False}}
    # Variance of 30 equal steps and of the interval: 899/12 and 841/12. A column for each choice would take 2^30 steps.
    assert importances(kinds, points)["a"] == pytest.approx(899 / (899 + 841), abs=0.06)


def test_edges():
    def dimension(line):
        return parse([line], {}, lambda group: [], lambda key: None, lambda lines, node: []).dimensions[0]

    lr = dimension("lr=tag(log,interval(1e-4,1))")
    assert [edge(lr, t) for t in ("1.1e-4", "0.01", "0.95")] == ["lower", None, "upper"]
    assert [edge(dimension("n=range(1,6)"), t) for t in ("1", "3", "5")] == ["lower", None, "upper"]
    assert edge(dimension("o=adam,sgd"), "adam") is None


def test_warnings_in_words(app, capsys):
    app("sphere", "x=range(1,8)", "z=a,b,c", "hydra.sweeper.workers=2")
    said = capsys.readouterr().out
    assert "The best x lies on the lower edge of 1,2,3,4,5,6,7: widen it." in said
    assert "z made no difference in this range" in said


def test_points_of_equal_value_end_no_sweep_and_have_their_other_pictures(app, capsys):
    app("sphere", "x=-1,1", "z=a,b,c,d,e,f,g,h,i,j", "hydra.sweeper.workers=2")
    assert app.result["status"] == "completed"
    assert len({row["objective"] for row in app.rows}) == 1
    made, failed = draw(app.folder)
    assert {p.stem for p in made} == {"history", "slice", "parallel"}
    assert failed == []
    kinds = {"x": {"kind": "interval", "log": False}, "y": {"kind": "choice", "log": False}}
    assert importances(kinds, [({"x": repr(i), "y": "a"}, 1.0) for i in range(20)]) == {}
    assert importances(kinds, [({"x": "1", "y": "a"}, 1.0)]) == {}


def test_one_point_is_drawn(app):
    app("curves", "lr=1,1", "sleep=0")
    assert draw(app.folder)[1] == []


def test_a_picture_that_fails_takes_no_other_with_it_and_is_told_of(app, monkeypatch, capsys):
    app("sphere", "x=1,2,3")

    def broken(picture, figure):
        raise ZeroDivisionError("no\nway")

    (app.folder / "plots").mkdir()
    (app.folder / "plots" / "slice.png").touch()
    monkeypatch.setitem(plots.PICTURES, "slice", broken)
    made, failed = draw(app.folder)
    assert {p.stem for p in made} == {"history", "parallel"}
    assert failed == ["slice: ZeroDivisionError: no way"]
    assert "in broken" in capsys.readouterr().err
    assert not (app.folder / "plots" / "slice.png").exists()


def test_the_sweep_tells_of_pictures_that_failed(tmp_path):
    (tmp_path / "sweep.yaml").write_text("name: x")
    painter = Painter(tmp_path, lambda: False)
    painter.start()
    assert painter.finish() == ["exit status 1"]
    assert "KeyError" in painter.log.read_text()
