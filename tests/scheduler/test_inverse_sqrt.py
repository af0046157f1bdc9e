import math

import pytest

from runner.engine.schedule import LearningRate, Plan
from runner.scheduler.inverse_sqrt import InverseSqrt
from runner.warmup.linear import Linear


def test_formula():
    schedule = InverseSqrt(timescale=40)
    schedule.bind(1000, 0.3)
    expected = [0.3 / math.sqrt(1 + t / 40) for t in range(1000)]
    assert [schedule.lr(t, 0.3) for t in range(1000)] == pytest.approx(expected, rel=1e-12)


def test_behind_a_warm_up_it_is_the_schedule_of_the_transformer():
    """Vaswani et al. 2017, equation 3, scaled so that its peak is the optimizer's rate."""
    warm, peak = 100, 0.01
    plan = Plan(updates_per_epoch=50, epochs=20, total=1000)
    rate = LearningRate(InverseSqrt(timescale=warm), Linear(steps=warm, start_factor=0.0), plan, peak)
    factor = peak * math.sqrt(warm)
    expected = [factor * min(s**-0.5, s * warm**-1.5) if s else 0.0 for s in range(1000)]
    assert [rate(s, peak) for s in range(1000)] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("total", [1, 7, 500])
def test_a_tenth_of_the_run_unless_told(total):
    schedule = InverseSqrt()
    schedule.bind(total, 1.0)
    assert schedule.lr(0, 1.0) == 1.0
    if total == 500:
        assert schedule.lr(50, 1.0) == pytest.approx(math.sqrt(0.5))
