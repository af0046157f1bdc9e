"""Runs to be put together, trained once: seeds, folds, snapshots, labels."""

import os
from pathlib import Path

import numpy as np
import pytest

QUICK = ("trainer.threads=1", "trainer.images=0", "trainer.max_epochs=3", "model.hidden=[6]", "optimizer.lr=0.02")
RUNS = {
    **{f"seed{n}": ("data=wine", f"seed={n}") for n in range(3)},
    **{f"fold{n}": ("data=diabetes", "data.targets=[bp]", "data.folds=3", f"data.fold={n}") for n in range(3)},
    **{
        f"label{n}": ("data=csv", "data.path=labels.csv", "data.target=[p,q]", "data.task=multilabel", f"seed={n}")
        for n in (0, 1)
    },
    "snapshots": ("data=wine", "regularization=[snapshot]", "regularization.snapshot.cycles=3"),
    "split": ("data=wine", "data.split_seed=1"),
    "logits": ("data=wine", "loss=binary_cross_entropy"),
    "iris": ("data=iris",),
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with all of `RUNS`, and the table that some of them are made of."""
    from runner.run import compose, run

    home, before = tmp_path_factory.mktemp("ensembles"), Path.cwd()
    draw = np.random.default_rng(0).normal(size=(90, 3))
    rows = [f"{x},{y},{z},{int(x > 0)},{int(y + z > 0)}" for x, y, z in draw]
    (home / "labels.csv").write_text("\n".join(["x,y,z,p,q", *rows]) + "\n")
    os.chdir(home)
    try:
        for name, words in RUNS.items():
            run(compose([*QUICK, *words]), Path(name), overrides=[*QUICK, *words])
    finally:
        os.chdir(before)
    return home


@pytest.fixture
def home(trained, monkeypatch):
    """The same folder as the working directory."""
    monkeypatch.chdir(trained)
    return trained
