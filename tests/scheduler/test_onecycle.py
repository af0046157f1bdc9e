import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import OneCycleLR

from runner.errors import ConfigError
from runner.scheduler.onecycle import OneCycle


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("anneal_strategy", ["cos", "linear"])
@pytest.mark.parametrize("pct_start", [0.3, 0.123, 0.5, 0.0])
@pytest.mark.parametrize("total", [100, 37])
def test_as_torch(same_curve, three_phase, anneal_strategy, pct_start, total):
    given = {"pct_start": pct_start, "anneal_strategy": anneal_strategy, "three_phase": three_phase}
    # Peaks of the two groups in proportion to their rates: 0.1 and 0.02.
    same_curve(OneCycle(**given), lambda o: OneCycleLR(o, [0.1, 0.02], total, **given), steps=total, total=total)
    given |= {"base_momentum": 0.7, "max_momentum": 0.99, "div_factor": 10.0, "final_div_factor": 3.0}
    same_curve(
        OneCycle(0.5, total, **given), lambda o: OneCycleLR(o, [0.5, 0.1], total, **given), steps=total, total=999
    )


@given(total=st.integers(1, 60), pct_start=st.floats(0, 1), three_phase=st.booleans(), t=st.integers(0, 200))
@settings(max_examples=300, deadline=None)
def test_stays_between_its_bounds_however_short_the_run(total, pct_start, three_phase, t):
    schedule = OneCycle(pct_start=pct_start / 2 if three_phase else pct_start, three_phase=three_phase)
    schedule.bind(total, 1.0)
    assert 1 / 25 / 1e4 - 1e-12 <= schedule.lr(t, 1.0) <= 1.0 + 1e-12
    assert 0.85 - 1e-12 <= schedule.momentum(t) <= 0.95 + 1e-12
    if t >= total - 1:
        assert schedule.lr(t, 1.0) == schedule.lr(total - 1, 1.0)


def test_ends_at_the_last_rate():
    schedule = OneCycle()
    schedule.bind(100, 0.1)
    assert schedule.lr(0, 0.1) == pytest.approx(0.1 / 25)
    assert schedule.lr(29, 0.1) == pytest.approx(0.1)
    assert [schedule.lr(t, 0.1) for t in (99, 100, 500)] == pytest.approx([0.1 / 25 / 1e4] * 3)


@pytest.mark.parametrize(("total", "pct_start"), [(10, 0.1), (1, 1.0), (2, 0.5)])
def test_a_rise_without_length_is_over_at_once(total, pct_start):
    schedule = OneCycle(pct_start=pct_start)
    schedule.bind(total, 0.1)
    assert schedule.lr(0, 0.1) == pytest.approx(0.1)  # torch divides by zero here


def test_a_cycle_without_a_fall_stays_at_the_peak():
    schedule = OneCycle(pct_start=1.0)
    schedule.bind(10, 0.1)
    assert [schedule.lr(t, 0.1) for t in (9, 10, 50)] == pytest.approx([0.1] * 3)


def test_phases_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"pct_start=0.6.*at most 0.5"):
        OneCycle(pct_start=0.6, three_phase=True)
