"""Fixtures for all tests. Torch is given one thread: the tests share two cores.

Processes that a test starts import the tree that the test stands in, wherever the package is installed from.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])

import pytest
from hypothesis import settings

from tests.composing import compose_faster

compose_faster()

# The same examples every time, so that a red suite is red again; `pytest --hypothesis-profile=explore` draws new ones.
# No deadline: a busy machine is no fault.
settings.register_profile("fixed", max_examples=50, derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=300, deadline=None)
settings.load_profile("fixed")

# A shell starts what runs in its background with interrupts ignored, and every process that a test starts would
# inherit it: the tests of Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What is on the disk after a power cut no test can see, and to wait for the disk would cost some 20 ms a run. Tests of
# what is done when it fails put their own in its place.
os.fsync = lambda file: None


def pytest_collection_finish():
    """What was imported stays: looking through it for garbage again and again would cost a tenth of all time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Run in-process, as the command line would, in a folder of the test's own; returns the result."""
    monkeypatch.chdir(tmp_path)

    def run_it(*overrides: str, folder: str = "run", progress=None):
        from runner.run import compose, run

        return run(compose(["trainer.threads=1", *overrides]), tmp_path / folder, progress, list(overrides))

    return run_it


@pytest.fixture(scope="session")
def few_runs(tmp_path_factory):
    """A folder with four runs of one epoch: two seeds of adam, one of sgd, and one of another task.

    They take less than a second each, so that two may say the same of when they were started: here each says another.
    """
    from runner.cli.verbs import answer

    quick = ("data=iris", "model.hidden=[4]", "trainer.max_epochs=1", "trainer.threads=1", "trainer.images=0")
    home, before = tmp_path_factory.mktemp("few"), Path.cwd()
    os.chdir(home)
    try:
        assert answer([*quick, "hydra.run.dir=outputs/runs/adam"]) == 0
        assert answer([*quick, "seed=1", "hydra.run.dir=outputs/runs/adam-1"]) == 0
        assert answer([*quick, "optimizer=sgd", "hydra.run.dir=outputs/runs/sgd"]) == 0
        assert answer([*quick, "data=diabetes", "hydra.run.dir=outputs/runs/diabetes"]) == 0
    finally:
        os.chdir(before)
    for number, name in enumerate(("adam", "adam-1", "sgd", "diabetes")):
        manifest = home / "outputs/runs" / name / "manifest.json"
        content = json.loads(manifest.read_text()) | {"started": f"2026-01-31T12:00:0{number}+0000"}
        manifest.write_text(json.dumps(content))
    return home / "outputs/runs"


@pytest.fixture(autouse=True)
def modules_of_ones_own():
    """Several tests write a module `my_models` of their own: each imports its own."""
    yield
    sys.modules.pop("my_models", None)
