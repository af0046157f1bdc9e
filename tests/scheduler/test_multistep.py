import pytest
from torch.optim.lr_scheduler import MultiStepLR

from runner.scheduler.multistep import MultiStep


@pytest.mark.parametrize(
    ("milestones", "gamma"), [((10, 15), 0.1), ((30, 5), 0.5), ((3, 3, 9), 0.2), ((), 0.1), ((1,), 0.7)]
)
def test_as_torch(same_curve, milestones, gamma):
    same_curve(MultiStep(milestones, gamma), lambda o: MultiStepLR(o, list(milestones), gamma), steps=40, total=40)
