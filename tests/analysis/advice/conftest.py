"""Tables, runs and what is advised about them."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from runner.analysis.advice import Record, advise


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with tables: rare (one class in 25), noise (classes that nothing tells), waves, labels, plane."""
    home, draw = tmp_path_factory.mktemp("advice"), np.random.default_rng(0)
    rare = np.concatenate([draw.normal(0, 1, (960, 2)), draw.normal(1.2, 1, (40, 2))])
    write(home / "rare.csv", {"x": rare[:, 0], "y": rare[:, 1]}, kind=["mostly"] * 960 + ["rare"] * 40)
    noise = draw.normal(0, 1, (120, 20))
    write(home / "noise.csv", dict(zip("abcdefghijklmnopqrst", noise.T, strict=True)), kind=list("uv") * 60)
    steps = np.arange(800)
    write(home / "waves.csv", {"value": np.sin(steps / 5) + np.sin(steps / 3) + draw.normal(0, 0.1, 800)})
    plane = draw.normal(0, 1, (600, 3))
    sides = {"left": plane[:, 0] > 0, "up": plane[:, 1] > 0}
    columns = dict(zip("xyz", plane.T, strict=True))
    write(home / "labels.csv", columns, **{name: side.astype(int) for name, side in sides.items()})
    write(home / "plane.csv", columns, t=plane @ [1.0, -2.0, 0.5] + draw.normal(0, 0.5, 600))
    return home


def write(path: Path, columns, **targets):
    columns = {**columns, **targets}
    rows = [",".join(str(value) for value in row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows]) + "\n")


@pytest.fixture
def judge(home, monkeypatch):
    """Train once for each command, and give what every check finds."""

    def train(*overrides):
        from runner.errors import RunFailed
        from runner.run import compose, run

        monkeypatch.chdir(home)
        folder = home / f"run{len(list(home.glob('run*')))}"
        words = ["trainer.threads=1", "trainer.images=0", *overrides]
        with suppress(RunFailed):
            run(compose(words), folder, overrides=words)
        return folder, advise(Record.read(folder))

    return train


def faults(findings):
    return [name for name, found in findings.items() if found.verdict == "fault"]
