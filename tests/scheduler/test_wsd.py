import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.schedule import LearningRate, Plan
from runner.scheduler.wsd import WarmupStableDecay
from runner.warmup.linear import Linear

SHAPES = {
    "sqrt": lambda s: 1 - math.sqrt(s),
    "linear": lambda s: 1 - s,
    "cosine": lambda s: 0.5 + 0.5 * math.cos(math.pi * s),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("end", [0.0, 0.1])
def test_the_three_phases(shape, end):
    plan = Plan(updates_per_epoch=10, epochs=25, total=250)
    rate = LearningRate(WarmupStableDecay(0.25, shape, end), Linear(steps=50, start_factor=0.1), plan, 0.2)
    curve = [rate(step, 0.2) for step in range(260)]
    assert curve[:50] == pytest.approx([0.02 + 0.18 * t / 50 for t in range(50)])
    assert set(curve[50:201]) == {0.2}  # 200 updates behind the warm-up, the last quarter of which falls
    expected = [0.2 * (end + (1 - end) * SHAPES[shape]((t - 200) / 50)) for t in range(200, 251)]
    assert curve[200:251] == pytest.approx(expected, abs=1e-15)
    assert curve[251:] == pytest.approx([0.2 * end] * 9, abs=1e-15)


@given(total=st.integers(1, 100), decay=st.floats(0.001, 1), t=st.integers(0, 200), shape=st.sampled_from([*SHAPES]))
@settings(max_examples=200, deadline=None)
def test_never_rises_and_ends_where_it_should(total, decay, t, shape):
    schedule = WarmupStableDecay(decay, shape, 0.05)
    schedule.bind(total, 1.0)
    assert schedule.lr(t + 1, 1.0) <= schedule.lr(t, 1.0) <= 1.0
    assert schedule.lr(total, 1.0) == pytest.approx(0.05)


def test_a_longer_run_is_the_same_up_to_the_fall():
    short, long = WarmupStableDecay(), WarmupStableDecay()
    short.bind(100, 1.0)
    long.bind(200, 1.0)
    assert [short.lr(t, 1.0) for t in range(80)] == [long.lr(t, 1.0) for t in range(80)]
