"""Forecasts: better than the last value repeated, resumed exactly, told of a file as evaluated, in their unit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from runner.errors import ConfigError, Interrupted
from runner.run import evaluate_run, resume
from runner.task import task_named
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep
from tests.trained import with_data

MEMBRANE = ("data=membrane", "model.hidden=[32]", "data.batch_size=64", "trainer.images=0")


def test_better_than_naive_and_scores_in_the_unit_of_the_series(go):
    result = go(*MEMBRANE, "trainer.max_epochs=8", "optimizer.lr=0.003")
    assert result["val"]["relative_mae"] < 0.95
    assert result["test"]["relative_mae"] < 0.95
    network, data = with_data("run")
    model = network.model
    batch = data.val.read(torch.arange(len(data.val)))
    with torch.no_grad():
        outputs = model(batch.inputs)
    (mean,), (std,) = data.spec.targets.mean, data.spec.targets.std
    rows = task_named("forecasting")(data.spec).rows(outputs)
    assert list(rows[0]) == [f"prediction_{step}" for step in range(1, 17)]
    told = np.array([list(row.values()) for row in rows])
    true = batch.targets[..., 0].double().numpy() * std + mean
    scores = evaluate_run("run", "val")
    assert scores["mae"] == pytest.approx(mean_absolute_error(true, told), rel=1e-5)
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(true.ravel(), told.ravel()), rel=1e-5)
    assert scores["r2"] == pytest.approx(r2_score(true.ravel(), told.ravel()), rel=1e-4)
    last = batch.inputs[:, -1].double().numpy() * std + mean
    assert scores["relative_mae"] == pytest.approx(scores["mae"] / np.abs(true - last).mean(), rel=1e-4)


CSV = ("data=csv_series", "data.path=table.csv", "data.columns=[a,b,c]", "data.targets=[c,a]", "data.length=20")
SHORT = ("data.horizon=4", "data.forecast=every", "trainer.images=0", "trainer.log_every=1")


@pytest.mark.parametrize("model", ["mlp", "gru"])
def test_a_file_is_told_as_evaluation_saw_it(go, monkeypatch, tmp_path, model):
    monkeypatch.chdir(tmp_path)
    time = np.arange(400)
    series = np.stack([100 + 10 * np.sin(time / 5), 3 * np.cos(time / 9), time % 7], axis=1)
    lines = [",".join(map(repr, row)) for row in series.tolist()]
    Path("table.csv").write_text("\n".join(["a,b,c", *lines]))
    go(*CSV, *SHORT, f"model={model}", "trainer.max_epochs=10")
    network, data = with_data("run")
    Path("val.csv").write_text("\n".join(["c,b,a", *(",".join(line.split(",")[::-1]) for line in lines[280:340])]))
    size = len(data.val)
    raw = next(iter(data.transform.read(["val.csv"], size)))
    task = task_named("forecasting")(data.spec)
    with torch.no_grad():
        told = network.model(data.transform.batch(raw.examples).inputs)
        assert torch.equal(told, network.model(data.val.read(torch.arange(size)).inputs))
    rows = task.rows(told)
    assert list(rows[0])[:3] == ["prediction_c_1", "prediction_a_1", "prediction_c_2"]
    assert 85 < rows[0]["prediction_a_1"] < 115
    error = np.mean([abs(row["prediction_a_1"] - series[280 + 20 + i, 0]) for i, row in enumerate(rows)])
    assert error < 5


def test_errors_of_each_series_are_told(go, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    rows = [f"{name},{level + np.sin(t)}" for name, level in (("b", 5), ("a", 90)) for t in range(100)]
    Path("t.csv").write_text("\n".join(["who,v", *rows]))
    data = ("data=csv_series", "data.path=t.csv", "data.columns=[v]", "data.series=who", "data.length=8")
    go(*data, "data.horizon=2", "model.hidden=[8]", "trainer.max_epochs=1", "trainer.images=0")
    told = json.loads(Path("run/evaluation/evaluation.json").read_text())
    assert [(row["series"], row["values"]) for row in told["per_series"]] == [("b", 12), ("a", 12)]
    (whole,) = told["per_target"]
    assert np.mean([row["mae"] for row in told["per_series"]]) == pytest.approx(whole["mae"])
    assert told["per_series"][0]["mae"] != pytest.approx(told["per_series"][1]["mae"])


@pytest.mark.parametrize(
    "more",
    [
        ("trainer.accumulate=2", "optimizer=momentum", "optimizer.lr=0.001", "data.batch_size=50"),
        ("trainer.precision=bf16", "model=gru", "model.hidden=8"),
        ("augmentation=[noise]", "regularization=[dropout,ema]", "loss=huber", "data.stride=3"),
    ],
)
def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(go, more):
    model = () if "model=gru" in more else ("model.hidden=[16]",)
    more = ("data=membrane", *model, *more, "data.fraction=0.1", "trainer.max_epochs=2", *SHORT[2:])
    go(*more, folder="whole")
    with pytest.raises(Interrupted):
        go(*more, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@pytest.mark.parametrize("loss", ["mae", "huber", "smooth_l1"])
def test_every_loss_of_values(go, loss):
    more = ("trainer.max_epochs=4", "optimizer.lr=0.01", "monitor=val/relative_mae")
    result = go(*MEMBRANE, f"loss={loss}", *more)
    assert result["val"]["r2"] > 0
    assert result["monitor"] == "val/relative_mae"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model=cnn", "model=cnn takes images"),
        ("loss=cross_entropy", "is for classification"),
        ("regularization=[mixup]", "turns classes into probabilities"),
        ("augmentation=[flip]", "flip takes"),
        ("monitor=val/accuracy", "no such score"),
        ("data.length=5000", "too few for a window"),
    ],
)
def test_what_does_not_fit_is_refused(go, override, says):
    with pytest.raises(Exception, match=says) as caught:
        go("data=membrane", override)
    assert isinstance(caught.value, ConfigError) or "window" in says
