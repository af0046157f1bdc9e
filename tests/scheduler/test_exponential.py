import math

import pytest
from torch.optim.lr_scheduler import ExponentialLR

from runner.scheduler.exponential import Exponential


@pytest.mark.parametrize("gamma", [0.95, 0.5, 1.0])
def test_as_torch(same_curve, gamma):
    same_curve(Exponential(gamma), lambda o: ExponentialLR(o, gamma), steps=100, total=100)


@pytest.mark.parametrize("schedule", [Exponential(math.exp(-0.03)), Exponential(k=0.03), Exponential(0.1, k=0.03)])
def test_exponential_of_minus_kt(schedule):
    assert [schedule.lr(t, 0.1) for t in range(50)] == pytest.approx([0.1 * math.exp(-0.03 * t) for t in range(50)])
