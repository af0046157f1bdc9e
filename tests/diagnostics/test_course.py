"""Diagnostics that look at the course of the losses."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from runner.diagnostics.divergence import Divergence, initial_loss
from runner.diagnostics.oscillation import Oscillation, swing, turns
from runner.diagnostics.overfitting import Overfitting
from runner.diagnostics.stall import Stall
from runner.errors import ConfigError, RunFailed


def told(technique, train, val=None):
    for epoch, loss in enumerate(train, start=1):
        scores = {"train/loss": loss} | ({"val/loss": val[epoch - 1]} if val else {})
        technique.on_epoch_end(epoch, scores)
    return technique.advice()


def started(technique, loss):
    technique.start, technique.fit = loss, type("F", (), {"meter": type("M", (), {"losses": []})})
    return technique


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        ([3, 2, 1, 0.5], [3, 2, 2.1, 2.3], "overfitting since epoch 2: val/loss rose from 2 to 2.3"),
        ([3, 2, 1, 0.5], [3, 2, 2.1, 2.15], None),  # rose by less than a tenth
        ([3, 2, 2.5, 2.6], [3, 2, 2.1, 2.3], None),  # both rose: not overfitting
        ([3, 2, 1, 0.5], [3, 2, 1, 0.9], None),
    ],
)
def test_overfitting(train, val, said):
    sentences = told(Overfitting(), train, val)
    assert (said in sentences[0]) if said else sentences == []


def test_the_gap_can_be_monitored(go):
    result = go("diagnostics=[overfitting]", "monitor=overfitting/gap", "trainer.max_epochs=3", "trainer.eval_every=2")
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert ["overfitting/gap" in row for row in rows] == [False, True, True]
    for row in rows[1:]:
        assert row["overfitting/gap"] == row["val/loss"] - row["train/loss"]
    assert result["best_value"] == min(row["overfitting/gap"] for row in rows[1:])
    with pytest.raises(ConfigError, match="no such score"):
        go("monitor=overfitting/gap", folder="without")


def test_initial_loss_is_that_of_the_untouched_network(fit):
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 4))
    model.train()
    x, y = torch.randn(16, 3), torch.randint(4, (16,))
    expected = nn.functional.cross_entropy(model[1](x), y).detach()
    assert initial_loss(fit(model, x, y)) == pytest.approx(float(expected), rel=1e-5)
    assert model.training


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ([1, 2, 3], "was 2 before training"),
        ([1, 0.5, 1.1], "rose from 0.5 in epoch 2 to 1.1"),
        ([1, 0.5, 0.9], None),
        ([2.1], None),
    ],
)
def test_divergence(train, said):
    sentences = told(started(Divergence(), 2.0), train)
    assert (said in sentences[0] and "too high" in sentences[0]) if said else sentences == []


def test_a_rate_that_is_too_high_is_named_when_the_run_fails(go):
    from runner.engine.progress import Progress

    heard = []

    class Hear(Progress):
        def message(self, text):
            heard.append(text)

    with pytest.raises(RunFailed, match="non-finite"):
        go("diagnostics=[divergence]", "data=diabetes", "optimizer=sgd", "optimizer.lr=1e8", progress=Hear())
    assert any("no finite number at step" in text and "learning rate is too high" in text for text in heard)


def test_turning_points_by_hand():
    assert turns([5, 4, 3, 2]) == 0
    assert turns([1, 2, 1, 2, 1]) == 1
    assert turns([1, 2, 3, 2, 1]) == pytest.approx(1 / 3)
    draws = torch.rand(20_000, generator=torch.Generator().manual_seed(0)).tolist()
    assert turns(draws) == pytest.approx(2 / 3, abs=0.02)  # Kendall: what independent noise has
    assert swing([1, 3, 1, 3]) == pytest.approx(2 / 2)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([1, 2] * 4, True),
        ([1, 1.01] * 4, False),  # too small a swing
        ([8, 7, 6, 5, 4, 3, 2, 1], False),
        ([1, 2] * 3, False),  # too few epochs
        ([8, 7, 6, 5, 4, 3, 2, 1] + [1, 2] * 4, True),  # the last epochs count
    ],
)
def test_oscillation(losses, said):
    assert bool(told(Oscillation(), losses)) == said


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([2.3, 2.299, 2.299, 2.298, 2.298], True),
        ([2.3, 2.2, 2.1, 2.0, 1.9], False),
        ([0.1, 0.1, 0.1, 0.1, 0.1], False),  # converged
        ([2.3, 2.3, 2.3], False),  # too few epochs
        ([2.3, 2.31, 2.32, 2.31, 2.31], True),
        ([2.3, 3.0, 4.0, 5.0, 6.0], False),  # diverging
    ],
)
def test_stall(losses, said):
    assert bool(told(started(Stall(), 2.3), losses)) == said


def test_a_run_that_oscillates_and_one_that_stalls_are_named(go):
    both = ["diagnostics=[oscillation,stall]", "scheduler=constant", "trainer.max_epochs=10"]
    wild = go(*both, "optimizer=sgd", "optimizer.lr=0.06", "data=diabetes", "data.batch_size=309", folder="wild")
    assert any("goes up and down" in s for s in wild["advice"])
    stuck = go(*both, "init=zeros", folder="stuck")
    assert any("stuck at 2.3" in s for s in stuck["advice"])
    assert go(*both, folder="fine")["advice"] == []
