import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from runner.engine.schedule import LearningRate, Plan
from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.loss.binary_cross_entropy import BinaryCrossEntropy
from runner.regularization.snapshot import Ensemble, RepeatedRate
from runner.run import load
from runner.run.assembly import load_data
from runner.scheduler.cosine import Cosine
from runner.task.classification import Classification
from runner.task.regression import Regression
from runner.warmup.linear import Linear


@pytest.mark.parametrize(("total", "cycles"), [(300, 5), (120, 3), (64, 1)])
def test_rate_is_the_papers(total, cycles):
    rate = RepeatedRate(LearningRate(Cosine(eta_min=0.0, by="step"), None, Plan(1, total, total), 0.1), total, cycles)
    length = math.ceil(total / cycles)
    paper = [0.05 * (math.cos(math.pi * (t % length) / length) + 1) for t in range(total)]
    assert [rate(t, 0.1) for t in range(total)] == pytest.approx(paper)
    assert [t + 1 for t in range(total) if rate.ends_at(t)] == [length * (i + 1) for i in range(cycles)]


def test_cycles_that_do_not_divide_the_run_and_a_warm_up():
    plan = Plan(1, 103, 103)
    rate = RepeatedRate(LearningRate(Cosine(eta_min=0.0, by="step"), Linear(steps=3), plan, 0.1), 103, 7)
    assert [t for t in range(103) if rate.ends_at(t)] == [17, 32, 47, 62, 77, 92, 102]
    assert [rate(t, 0.1) for t in (3, 18, 33)] == pytest.approx([0.1] * 3)
    assert rate(0, 0.1) < rate(1, 0.1) < 0.1


SPEC = Spec.classification((5,), 4)


@pytest.mark.parametrize(
    ("task", "average", "width"),
    [
        (Classification(SPEC), lambda z: z.softmax(-1), 4),
        (Classification(SPEC, BinaryCrossEntropy.link), torch.sigmoid, 4),
        (Classification(Spec.classification((5,), 2), BinaryCrossEntropy.link), torch.sigmoid, 1),
        (Regression(Spec.regression((5,), 3)), lambda z: z, 3),
    ],
)
def test_ensemble_averages_probabilities(task, average, width):
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width)).eval() for _ in range(3)]
    for net in nets:
        nn.init.normal_(net[1].running_mean)
    x = torch.randn(9, 5)
    outputs = Ensemble(nets[0], [net.state_dict() for net in nets], task).eval()(x)
    expected = torch.stack([average(net(x)) for net in nets]).mean(0)
    torch.testing.assert_close(average(outputs), expected)


def test_a_run_leaves_its_snapshots_and_their_ensembles_scores(go):
    result = go("regularization=[snapshot]", "regularization.snapshot.cycles=3", "trainer.max_epochs=6")
    files = sorted(p.name for p in Path("run/checkpoints").glob("snapshot-*.pt"))
    assert files == ["snapshot-01.pt", "snapshot-02.pt", "snapshot-03.pt"]
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if "val/ensemble_accuracy" in row] == [2, 4, 6]
    probabilities, scores = [], []
    for name in files:
        network = load("run", f"run/checkpoints/{name}")
        held_out = load_data(network.recipe).test
        with torch.no_grad():
            probabilities.append(network.model(held_out.inputs).softmax(1))
        scores.append((probabilities[-1].argmax(1) == held_out.targets).float().mean().item())
    mean = torch.stack(probabilities).mean(0)
    accuracy = (mean.argmax(1) == held_out.targets).float().mean().item()
    assert result["test"]["ensemble_accuracy"] == pytest.approx(accuracy)
    likelihood = nn.functional.nll_loss(mean.log(), held_out.targets).item()
    assert result["test"]["ensemble_loss"] == pytest.approx(likelihood, rel=1e-4)
    assert result["test"]["accuracy"] == pytest.approx(scores[-1])


def test_only_the_last_members(go):
    overrides = ["regularization=[snapshot]", "trainer.max_epochs=4", "regularization.snapshot.cycles=4"]
    one = go(*overrides, "regularization.snapshot.members=1", "trainer.test_weights=last")
    assert one["test"]["ensemble_loss"] == pytest.approx(one["test"]["loss"], rel=1e-5)


def test_schedules_that_follow_scores_are_refused(go):
    with pytest.raises(ConfigError, match="follows the scores"):
        go("regularization=[snapshot]", "scheduler=plateau")
