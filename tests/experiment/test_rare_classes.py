"""A network that never tells a rare class is told of, and what is advised helps."""

import json
from pathlib import Path

import numpy as np
import pytest

TABLE = ["data=csv", "data.path=table.csv", "data.target=kind", "model.hidden=[16]", "optimizer.lr=0.01", "seed=1"]


@pytest.fixture
def table(tmp_path):
    """Two classes that overlap, one example of 25 of the second; rows sorted by class."""
    draw = np.random.default_rng(0)
    rows = [(x, y, "mostly") for x, y in draw.normal(0, 1, (960, 2))] + [
        (x, y, "rare") for x, y in draw.normal(1.2, 1, (40, 2))
    ]
    lines = [f"{x:.4f},{y:.4f},{kind}" for x, y, kind in rows]
    (tmp_path / "table.csv").write_text("\n".join(["x,y,kind", *lines]) + "\n")


def test_a_class_that_is_never_predicted_is_told_of_with_what_helps(table, go, capsys):
    from runner.cli.verbs import answer

    assert answer(["hydra.run.dir=typed", "trainer.max_epochs=4", "trainer.threads=1", *TABLE]) == 0
    said = json.loads(Path("typed/result.json").read_text())
    assert said["val"]["balanced_accuracy"] == 0.5
    (sentence,) = said["advice"]
    assert "class 'rare' (28 of 700 training examples) was never predicted in the last evaluation" in sentence
    assert f"advice: {sentence}" in " ".join(capsys.readouterr().out.split())
    words = [word.rstrip(",") for word in sentence.split() if "=" in word]
    assert words == ["loss=cross_entropy", "loss.weight=balanced", "monitor=val/balanced_accuracy"]
    cured = go(*TABLE, *words, "trainer.max_epochs=4", folder="cured")
    assert cured["advice"] == []
    assert cured["val"]["balanced_accuracy"] > 0.7


def test_nothing_is_said_of_classes_that_are_as_frequent_as_others(go):
    """After so few updates some digits are not predicted yet; weights would not help."""
    result = go("trainer.max_steps=2", "model.hidden=[4]")
    assert result["val"]["accuracy"] < 0.5
    assert result["advice"] == []


def test_where_classes_are_weighted_already_more_epochs_are_advised(table, go):
    (sentence,) = go(*TABLE, "loss=cross_entropy", "loss.weight=[1,1.5]", "trainer.max_epochs=1")["advice"]
    assert "try more epochs, " in sentence
