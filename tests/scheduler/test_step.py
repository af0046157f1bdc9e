import pytest
from torch.optim.lr_scheduler import StepLR

from runner.scheduler.step import Step


@pytest.mark.parametrize(("step_size", "gamma"), [(10, 0.5), (1, 0.9), (7, 0.1), (100, 0.5)])
def test_as_torch(same_curve, step_size, gamma):
    same_curve(Step(step_size, gamma), lambda o: StepLR(o, step_size, gamma), steps=60, total=60)


def test_halves_every_ten_epochs_by_default():
    assert [Step().lr(t, 0.8) for t in (0, 9, 10, 19, 20)] == [0.8, 0.8, 0.4, 0.4, 0.2]
    assert Step().by == "epoch"
