"""What lies in the working directory is imported only where the command names modules of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import runner

NAMESAKES = ("yaml", "json", "hydra", "torch", "numpy", "rich", "optuna", "polars", "matplotlib", "tensorboard", "timm")
MODEL = """
from torch import nn
import my_layers


class Tiny(nn.Sequential):
    def __init__(self, spec) -> None:
        super().__init__(nn.Flatten(), my_layers.Last(spec.num_outputs))
"""


@pytest.fixture
def say(place):
    """The program in a directory of somebody else, started as a module or as the console script."""
    leave = (place / "evil.py").read_text()
    for name in NAMESAKES:
        (place / name).mkdir()
        (place / name / "__init__.py").write_text(leave)
    (place / "hydra_plugins/theirs").mkdir(parents=True)
    (place / "hydra_plugins/theirs/__init__.py").write_text(leave)
    script = place.parent / "bin" / "script.py"
    script.parent.mkdir()
    script.write_text("from runner.cli import main\nmain()\n")
    at = str(Path(runner.__file__).parents[1])

    def give(start, *words):
        command = [sys.executable, *(("-m", "runner") if start == "module" else (str(script),)), *words]
        environment = {**os.environ, "PYTHONPATH": at, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
        assert sorted(os.listdir(place.parent / "outside")) == ["precious"], done.stderr
        return done

    return give


@pytest.mark.slow
@pytest.mark.parametrize("start", ["module", "script"])
def test_nothing_of_it_is_imported(start, say):
    done = say(start, "check", "model.hidden=[4]")
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("start", [pytest.param("module", marks=pytest.mark.long), "script"])
def test_ones_own_modules_are_found_and_nothing_else_is_taken(start, say):
    Path("mine/model").mkdir(parents=True)
    Path("mine/model/tiny.yaml").write_text("# Mine.\n_target_: my_models.Tiny\n")
    Path("my_models.py").write_text(MODEL)
    Path("my_layers.py").write_text("from torch.nn import LazyLinear as Last\n")
    own = ("--config-dir", "mine", "model=tiny")
    done = say(start, "check", *own, "trusted_targets=[my_models]")
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    done = say(start, "check", *own, "trusted_targets=[my_models]", "model._target_=timm.models.resnet18")
    installed = importlib.util.find_spec("timm") is not None  # its own is taken then, and never the one that lies here
    expected = (0, False) if installed else (2, True)
    assert (done.returncode, "timm is not installed" in done.stderr) == expected, done.stderr


@pytest.mark.slow
def test_a_sweep_and_its_pictures_import_nothing_of_it(say):
    few = ("model.hidden=[4]", "trainer.max_epochs=1", "trainer.limit_batches=1", "hydra.sweep.dir=sweep")
    done = say("module", "--multirun", "seed=1,2", *few)
    assert done.returncode == 0, done.stderr
    assert list(Path("sweep/plots").iterdir())
