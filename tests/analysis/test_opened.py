import json
import os
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml

import runner
from runner.errors import ConfigError
from runner.run import load


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
