"""Applications that know nothing of ours, each under Hydra's basic sweeper and under grid: their jobs see the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

APPS = Path(__file__).parents[1] / "apps"
WITNESS = "+hydra.callbacks.witness._target_=witness.Witness"
SLOW = partial(pytest.param, marks=pytest.mark.slow)
ORDER = ("made", "on_multirun_start", "on_job_start", "job", "on_job_end", "on_multirun_end")


def sweep(folder, sweeper, app, *overrides, **environment):
    """Run an application; gives what its jobs saw, and what it printed."""
    folder.mkdir()
    command = [sys.executable, str(APPS / app), "-m", f"hydra/sweeper={sweeper}", f"hydra.sweep.dir={folder}/sweep"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "WITNESS": str(folder / "seen"), **environment}
    done = subprocess.run(
        [*command, WITNESS, *overrides], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    seen = [json.loads(line) for line in (folder / "seen").read_text().splitlines()]
    seen.sort(key=lambda e: (e["event"] == "on_multirun_end", e.get("num", -1), ORDER.index(e["event"])))
    return json.loads(json.dumps(seen).replace(str(folder), "FOLDER")), done


def compare(tmp_path, app, *overrides, workers=1, **environment):
    """Run it under both sweepers; gives what they both saw."""
    hydras, basic = sweep(tmp_path / "basic", "basic", app, *overrides, **environment)
    own = [*overrides, f"hydra.sweeper.workers={workers}", "hydra.sweeper.plots=false"]
    ours, grid = sweep(tmp_path / "grid", "grid", app, *own, **environment)
    assert ours == hydras, json.dumps([ours, hydras]) + grid.stdout + grid.stderr + basic.stderr
    assert (grid.returncode, basic.returncode) == (0, 0)
    multirun = (tmp_path / "grid/sweep/multirun.yaml").read_text().splitlines()
    assert set(multirun) >= {f"    - {line}" for line in overrides if not line.startswith(("hydra", "+hydra"))}
    return [entry for entry in ours if entry["event"] == "job"], [e for e in ours if e["event"] == "on_job_end"], grid


@pytest.mark.slow
@pytest.mark.parametrize("order", ["inner", SLOW("outer")])
def test_decorators(tmp_path, order):
    _, ended, _ = compare(tmp_path, "decorators.py", "x=1,2", APP=order)
    assert [e["value"] for e in ended] == ([10, 20] if order == "inner" else [1, 2])


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "value"), [("callable", 3), SLOW("closure", 4), SLOW("lambda", {"loss": 5})])
def test_tasks_that_can_not_be_imported(tmp_path, shape, value):
    _, ended, grid = compare(tmp_path, "shapes.py", APP=shape)  # no key has several values either
    assert [e["value"] for e in ended] == [value]
    assert "no key has several values: a sweep of one job" in grid.stdout


@pytest.mark.slow
def test_what_the_main_module_registers_and_keys_without_a_default(tmp_path):
    jobs, _, _ = compare(tmp_path, "registered.py", "+db=sqlite,mysql", "rate=0.5,1", workers=2)
    assert [(j["type"], j["config"]["doubled"]) for j in jobs[1:3]] == [("Sqlite", "2.0"), ("Mysql", "1.0")]


@pytest.mark.slow
@pytest.mark.parametrize("chdir", ["null", SLOW("true"), SLOW("false")])
def test_working_directory_environment_and_the_configs_of_a_package(tmp_path, chdir):
    more = [f"hydra.job.chdir={chdir}", "+hydra.job.env_set.FROM_HYDRA=v${hydra.job.num}", "hydra.job.name=mine"]
    jobs, _, grid = compare(tmp_path, "surroundings.py", "group1=file1,file2", "bar=7,8", *more)
    assert [j["variable"] for j in jobs] == ["v0", "v1", "v2", "v3"]
    written = sorted(path.parent.name for path in tmp_path.glob("grid/**/written.txt"))
    assert written == (["grid"] if chdir == "false" else [f"000{i}-{n}" for i, n in enumerate(FOLDERS)])
    assert grid.stdout.count("a line of mine") == 4
    assert all("a line of mine" in f.read_text() for f in tmp_path.glob("grid/sweep/trials/*/output.log"))


FOLDERS = ("group1_file1-bar_7", "group1_file1-bar_8", "group1_file2-bar_7", "group1_file2-bar_8")


def test_a_job_s_own_folder_may_be_chosen_as_in_hydra(tmp_path):
    chosen = ["hydra.sweep.subdir='n_${hydra.job.num}'", "hydra.job.chdir=true"]
    compare(tmp_path, "surroundings.py", "bar=7,8", *chosen)
    assert (tmp_path / "grid/sweep/n_1/written.txt").exists()


def test_callbacks_hear_of_failures_as_in_hydra(tmp_path):
    hydras, basic = sweep(tmp_path / "basic", "basic", "surroundings.py", "bar=13,7")
    ours, grid = sweep(tmp_path / "grid", "grid", "surroundings.py", "bar=13,7")
    assert ours == hydras
    assert (grid.returncode, basic.returncode) == (1, 1)
    assert "ValueError: unlucky" in next(tmp_path.glob("grid/sweep/trials/0000*/output.log")).read_text()
