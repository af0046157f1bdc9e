"""A folder from somebody else does not decide which code is trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MODULE = """
from torch import nn


class Tiny(nn.Sequential):
    def __init__(self, spec) -> None:
        super().__init__(nn.Flatten(), nn.LazyLinear(spec.num_outputs))
"""
EVIL = """
from pathlib import Path


class Evil:
    def __init__(self, **kwargs) -> None:
        Path("hacked").touch()
"""


@pytest.mark.slow
def test_a_sweep_folder_from_somebody_else(tmp_path):
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/tiny.yaml").write_text("# My own.\n_target_: my_models.Tiny\n")
    (tmp_path / "my_models.py").write_text(MODULE)
    (tmp_path / "evil.py").write_text(EVIL)

    def say(*words):
        command = [sys.executable, "-m", "runner", *words]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env, timeout=200)

    few = ("data=iris", "trainer.max_epochs=1", "trainer.images=0")
    space = ("--config-dir", "mine", "model=tiny", "seed=1,2", "trusted_targets=[my_models]")
    space += ("hydra.sweep.dir=sweep", "hydra.sweeper.plots=false")
    done = say("--multirun", *space, *few)
    assert done.returncode == 0, done.stderr
    assert set(json.loads((tmp_path / "sweep/result.json").read_text())["test"]) >= {"loss", "accuracy"}
    refused = say("resume", "sweep")
    assert refused.returncode == 2
    assert "started with trusted_targets=[my_models]" in refused.stderr
    assert "If you trust it, add 'trusted_targets=[my_models]'." in refused.stderr

    (folder,) = (tmp_path / "sweep/trials").glob("0001-*")
    record = json.loads((folder / "trial.json").read_text())
    call = "+hydra.callbacks.evil._target_=evil.Evil"
    record |= {"status": "interrupted", "overrides": [*record["overrides"], "trusted_targets=[evil]", call]}
    record["config"] |= {"model": {"_target_": "evil.Evil"}, "trusted_targets": ["evil"]}
    (folder / "trial.json").write_text(json.dumps(record))
    (folder / "config.yaml").unlink()
    went_on = say("resume", "sweep", "trusted_targets=[my_models]")
    assert went_on.returncode == 1
    assert "model._target_=evil.Evil: expected a class of a trusted module" in went_on.stderr
    assert not (tmp_path / "hacked").exists()

    (run,) = (tmp_path / "sweep/trials").glob("0000-*")
    again = say("rerun", str(run), "optimizer=sgd")
    assert again.returncode == 2
    assert "add" in again.stderr or "trusted_targets=[my_models]" in again.stderr
