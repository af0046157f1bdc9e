import json
import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml

import runner
from runner.analysis.statistics.comparison import compare
from runner.analysis.statistics.spread import Spread
from runner.errors import ConfigError
from runner.run import load
from tests.analysis.figures.sweeps import write_sweep


def test_a_run(few_runs):
    run = runner.open(few_runs / "adam")
    assert run.status == "completed"
    assert run.config == yaml.safe_load((few_runs / "adam/config.yaml").read_text())
    result = json.loads((few_runs / "adam/result.json").read_text())
    assert run.scores["val/loss"] == result["best_value"]
    assert run.scores["test/accuracy"] == result["test"]["accuracy"]
    metrics = run.metrics()
    assert metrics["epoch"].to_list() == [1]
    assert metrics["val/loss"].to_list() == [result["val"]["loss"]]


def test_its_network(few_runs):
    from sklearn.datasets import load_iris

    run = runner.open(str(few_runs / "adam"))
    columns = load_iris(as_frame=True).data[:3].to_dict("list")
    rows = pl.DataFrame({name.removesuffix(" (cm)"): values for name, values in columns.items()})
    answers = run.predict(rows)
    assert answers == load(few_runs / "adam").predict(rows)
    assert len(answers) == 3
    assert isinstance(run.model, torch.nn.Module) and not run.model.training


def test_many_runs(few_runs, tmp_path):
    runs = runner.open(few_runs)
    assert len(runs) == 4
    assert [run.status for run in runs] == ["completed"] * 4
    assert runs[0].folder == few_runs / "adam"
    frame = runs.frame()
    assert frame["name"].to_list() == ["adam", "adam-1", "sgd", "diabetes"]
    assert frame.filter(pl.col("data") == "iris").sort("val/accuracy").height == 3
    assert frame["optimizer.lr"].to_list() == [0.001, 0.001, 0.1, 0.001]
    shutil.copytree(few_runs, tmp_path / "sweep/trials")
    (tmp_path / "sweep/sweep.yaml").touch()
    assert runner.open(tmp_path / "sweep").frame()["optimizer"].to_list() == frame["optimizer"].to_list()


def test_a_column_of_numbers_and_texts(make, tmp_path):
    make(tmp_path / "a", data__batch_size=32)
    make(tmp_path / "b", data__batch_size="full")
    assert runner.open(tmp_path).frame()["data.batch_size"].to_list() == ["32", "full"]


def test_what_is_not_there(few_runs, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no such folder\. Did you mean 'sgd'"):
        runner.open(few_runs / "sdg")
    with pytest.raises(ConfigError, match="no run lies there"):
        runner.open(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'opn'"):
        _ = runner.opn


@pytest.fixture
def ablation(make, tmp_path):
    """Four seeds of two arms, as ``ablate`` leaves them."""
    arms, scores = {}, {}
    for name, lr, values in (("a", 0.1, [0.5, 0.6, 0.7, 0.8]), ("b", 0.2, [0.1, 0.21, 0.29, 0.4])):
        for seed, value in enumerate(values):
            make(tmp_path / f"ablation/trials/{name}{seed}", best=value, seed=seed, optimizer__lr=lr)
        arms[f"optimizer.lr={lr}"] = values
        scores[f"optimizer.lr={lr}"] = dict(enumerate(values))
    judged = compare(scores, "min")
    record = {
        "score": "val/loss",
        "direction": "min",
        "baseline": "optimizer.lr=0.1",
        "arms": {
            arm: {
                "scores": {"val/loss": asdict(Spread.of(values))},
                "seconds": 1.5,
                "comparison": asdict(judged[arm]) if arm in judged else None,
                "runs": {str(i): {"status": "completed", "scores": {"val/loss": v}} for i, v in enumerate(values)},
            }
            for arm, values in arms.items()
        },
    }
    (tmp_path / "ablation/ablation.json").write_text(json.dumps(record))
    return tmp_path / "ablation"


def test_an_ablation(ablation):
    found = runner.open(ablation)
    assert found.verdicts == {"optimizer.lr=0.2": "better"}
    assert found.comparisons["optimizer.lr=0.2"]["difference"] == pytest.approx(-0.4)
    arms = found.arms()
    assert arms["arm"].to_list() == ["optimizer.lr=0.1", "optimizer.lr=0.2"]
    assert arms["mean"].to_list() == pytest.approx([0.65, 0.25])
    assert arms["verdict"].to_list() == [None, "better"]
    assert arms["difference_low"][1] < -0.4 < arms["difference_high"][1] < 0
    assert len(found) == found.frame().height == 8
    assert found[0].config["optimizer"]["lr"] == 0.1


def test_figures(ablation, few_runs, tmp_path):
    """Of a run, of runs, of a sweep and of an ablation; each shows itself in a notebook."""
    sweep = write_sweep(tmp_path / "sweep", [0.5, 0.4, 0.45, 0.1])
    shown = [
        (runner.open(few_runs / "adam").figure(), 4),
        (runner.open(ablation).figure(), 2),
        (runner.open(ablation).figure("means"), 1),
        (runner.open(ablation / "trials").figure(), 1),
        (runner.open(sweep).figure(), 1),
        (runner.open(sweep).figure("importance"), 1),
    ]
    for figure, panels in shown:
        assert len(figure.axes) == panels
        assert figure._repr_png_().startswith(b"\x89PNG")


def test_figures_that_there_are_not(ablation, few_runs, make, tmp_path):
    with pytest.raises(ConfigError, match=r"histori: no such figure.*means, learning_curves"):
        runner.open(ablation).figure("histori")
    with pytest.raises(ConfigError, match="different task"):
        runner.open(few_runs).figure()
    with pytest.raises(ConfigError, match="nothing to draw"):
        runner.open(make(tmp_path / "new")).figure()


def test_a_damaged_ablation(ablation):
    (ablation / "ablation.json").write_text('{"arms": {"a": 1, "b": {"scores": 2, "comparison": []}, "c": {}}}')
    found = runner.open(ablation)
    assert (found.verdicts, found.arms()["arm"].to_list()) == ({}, ["b", "c"])
    (ablation / "ablation.json").write_text("{")
    with pytest.raises(ConfigError, match=r"ablation.json is damaged\. The ablation's command writes it anew"):
        _ = runner.open(ablation).verdicts


def test_nothing_of_a_folder_is_believed(few_runs, tmp_path, monkeypatch):
    shutil.copytree(few_runs / "adam", tmp_path / "run")
    text = (tmp_path / "run/config.yaml").read_text()
    monkeypatch.setenv("SECRET", "s3cr3t")
    (tmp_path / "run/config.yaml").write_text(f"{text}\nmine: ${{oc.env:SECRET}}\n")
    assert runner.open(tmp_path / "run").config["mine"] == "${oc.env:SECRET}"
    (tmp_path / "run/config.yaml").write_text("a: !!python/object/apply:os.system ['touch hacked']\n")
    with pytest.raises(ConfigError, match=r"config.yaml: can't be read"):
        _ = runner.open(tmp_path / "run").config
    assert "hacked" not in os.listdir()


def test_the_example_of_the_page(few_runs, tmp_path, monkeypatch):
    """The commands in the page's piece of Python, on runs of the names that it speaks of."""
    page = (Path(__file__).parents[2] / "docs/comparing.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shutil.copytree(few_runs / "adam", tmp_path / "outputs/runs/first")
    shutil.copytree(few_runs, tmp_path / "outputs/sweeps/optimizers/trials")
    (tmp_path / "outputs/sweeps/optimizers/sweep.yaml").touch()
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert names["run"].status == "completed"
    assert names["frame"].height == 2
