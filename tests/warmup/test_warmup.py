import pytest
import torch
from torch.optim.lr_scheduler import LinearLR

from runner.engine.schedule import LearningRate, Plan
from runner.errors import ConfigError
from runner.scheduler.cosine import Cosine
from runner.warmup.exponential import Exponential
from runner.warmup.linear import Linear

PLAN = Plan(updates_per_epoch=20, epochs=10, total=200)


def curve(warmup):
    schedule = Cosine(eta_min=0.0)
    rate = LearningRate(schedule, warmup, PLAN, base_lr=0.1)
    return [rate(step, 0.1) for step in range(PLAN.total)]


def test_linear_as_torch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=0.1)
    reference = LinearLR(optimizer, start_factor=0.05, total_iters=30)
    expected = []
    for _ in range(30):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    assert curve(Linear(steps=30, start_factor=0.05))[:30] == pytest.approx(expected, rel=1e-9)


def test_exponential_formula():
    found = curve(Exponential(steps=40, start_factor=0.02))[:40]
    assert found == pytest.approx([0.002 * (0.1 / 0.002) ** (t / 40) for t in range(40)], rel=1e-12)


@pytest.mark.parametrize("kind", [Linear, Exponential])
def test_then_the_schedule_from_its_start(kind):
    found = curve(kind(steps=50))
    schedule = Cosine(eta_min=0.0)
    schedule.bind(150, 0.1)
    assert found[50:] == [schedule.lr(t, 0.1) for t in range(150)]
    assert found[0] == pytest.approx(0.001)
    assert max(found) == found[50] == 0.1
    assert found[:51] == sorted(set(found[:51]))


@pytest.mark.parametrize("kind", [Linear, Exponential])
def test_length(kind):
    assert kind().length(PLAN) == 20
    assert kind(epochs=2.5).length(PLAN) == 50
    assert kind(steps=7).length(PLAN) == 7
    with pytest.raises(ConfigError, match=r"warmup.steps=7 and warmup.epochs=3"):
        kind(steps=7, epochs=3)


def test_linear_may_start_at_zero():
    assert curve(Linear(steps=4, start_factor=0.0))[:5] == pytest.approx([0.0, 0.025, 0.05, 0.075, 0.1])
