import pytest
from torch.optim.lr_scheduler import PolynomialLR

from runner.scheduler.polynomial import Polynomial


@pytest.mark.parametrize(("total_iters", "power"), [(50, 1.0), (50, 0.9), (30, 2.0), (1, 1.0)])
def test_as_torch(same_curve, total_iters, power):
    same_curve(Polynomial(total_iters, power), lambda o: PolynomialLR(o, total_iters, power), steps=60, total=60)


def test_the_whole_run_unless_told(same_curve):
    same_curve(Polynomial(), lambda o: PolynomialLR(o, 80), steps=80, total=80)


def test_stays_at_zero_past_the_end():
    schedule = Polynomial(power=0.9)
    schedule.bind(10, 0.1)
    assert [schedule.lr(t, 0.1) for t in (10, 11, 1000)] == [0.0, 0.0, 0.0]
