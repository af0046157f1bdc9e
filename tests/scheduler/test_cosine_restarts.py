import pytest
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from runner.scheduler.cosine_restarts import CosineRestarts


@pytest.mark.parametrize(("T_0", "T_mult", "eta_min"), [(10, 2, 1e-5), (7, 1, 0.0), (1, 3, 0.001), (1, 1, 0.0)])
def test_as_torch(same_curve, T_0, T_mult, eta_min):
    same_curve(
        CosineRestarts(T_0, T_mult, eta_min),
        lambda o: CosineAnnealingWarmRestarts(o, T_0, T_mult, eta_min),
        steps=150,
        total=150,
    )


@pytest.mark.parametrize("T_mult", [1, 2, 3])
@pytest.mark.parametrize("total", [1, 2, 30, 70, 71, 1000])
def test_three_cycles_fill_the_run_unless_told(total, T_mult):
    schedule = CosineRestarts(T_mult=T_mult)
    schedule.bind(total, 0.1)
    starts = [t for t in range(total) if schedule.lr(t, 0.1) == 0.1]
    assert len(starts) == min(3, total)
    if total == 70 and T_mult == 2:
        assert starts == [0, 10, 30]


def test_goes_on_past_the_end():
    schedule = CosineRestarts(T_mult=1)
    schedule.bind(30, 0.1)
    assert schedule.lr(10**6, 0.1) == schedule.lr(0, 0.1)
    assert schedule.lr(10**6 + 3, 0.1) == schedule.lr(3, 0.1)


def test_never_rises_to_eta_min():
    schedule = CosineRestarts(T_0=5, eta_min=1e-5)
    schedule.bind(10, 0.1)
    assert {schedule.lr(t, 1e-6) for t in range(15)} == {1e-6}
