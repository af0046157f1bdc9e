import math

import pytest
from torch.optim.lr_scheduler import CosineAnnealingLR

from runner.scheduler.cosine import Cosine


@pytest.mark.parametrize(("T_max", "eta_min"), [(100, 1e-5), (37, 0.0), (1, 0.01)])
def test_as_torch_up_to_its_length(same_curve, T_max, eta_min):
    same_curve(Cosine(T_max, eta_min), lambda o: CosineAnnealingLR(o, T_max, eta_min), steps=T_max + 1, total=500)


def test_the_whole_run_unless_told_also_when_it_grows():
    schedule = Cosine()
    for total in (10, 40):
        schedule.bind(total, 0.1)
        curve = [schedule.lr(t, 0.1) for t in range(total + 1)]
        expected = [1e-5 + 0.5 * (0.1 - 1e-5) * (1 + math.cos(math.pi * t / total)) for t in range(total + 1)]
        assert curve == pytest.approx(expected, rel=1e-12)


def test_stays_at_eta_min_past_the_end():
    schedule = Cosine(eta_min=0.001)
    schedule.bind(10, 0.1)
    assert [schedule.lr(t, 0.1) for t in (10, 11, 15, 20)] == [0.001] * 4


def test_never_rises_to_eta_min():
    schedule = Cosine(eta_min=1e-5)
    schedule.bind(10, 0.1)
    assert {schedule.lr(t, 1e-6) for t in range(15)} == {1e-6}
