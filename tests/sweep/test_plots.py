from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

from runner.sweep.advice import edge
from runner.sweep.importance import importances
from runner.sweep.language import parse
from runner.sweep.plots import draw, hparams


def test_pictures_and_hparams_of_a_sweep(app):
    app("curves", "lr=0.01,0.1,1", "optimizer.name=sgd,adam", "sleep=0", "hydra.sweeper.workers=2")
    made = draw(app.folder)
    names = {"history", "importances", "slice", "parallel", "intermediate"}
    assert {p.stem for p in made} == names
    for path in made:
        assert np.ptp(imread(path)[..., :3].mean(axis=-1)) > 0.5, f"{path.name} is blank"
    hparams(app.folder)
    root = EventAccumulator(str(app.folder / "hparams")).Reload()
    content = root.SummaryMetadata(metadata.EXPERIMENT_TAG).plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    assert [info.name for info in experiment.hparam_infos] == ["lr", "optimizer.name"]
    for row in app.rows:
        run = EventAccumulator(str(app.folder / "hparams" / row["folder"].removeprefix("trials/"))).Reload()
        content = run.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
        assert started.hparams["lr"].number_value == float(row["lr"])
        assert started.hparams["optimizer.name"].string_value == row["optimizer.name"]
        value = run.Tensors("val/loss")[0].tensor_proto.float_val[0]
        assert value == pytest.approx(float(row["val/loss"]))


def test_front_picture(app):
    app("pareto", "x=0,1,2", "y=0,1", "hydra.sweeper.directions=[minimize,minimize]")
    assert "pareto" in {p.stem for p in draw(app.folder)}


def test_importances_of_a_known_function():
    rng = np.random.default_rng(0)
    points = [{"a": repr(a), "b": repr(b), "c": "fixed"} for a, b in rng.uniform(size=(120, 2)).tolist()]
    kinds = {key: {"kind": "interval", "log": False} for key in ("a", "b")} | {"c": {"kind": "choice", "log": False}}
    # Variance of 3 a + b over the unit square: 9/12 and 1/12, hence shares 0.9 and 0.1.
    found = importances(kinds, [(p, 3 * float(p["a"]) + float(p["b"])) for p in points])
    assert list(found) == ["a", "b"]
    assert found["a"] == pytest.approx(0.9, abs=0.04)


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
