import pytest
from torch.optim.lr_scheduler import CyclicLR

from runner.scheduler.cyclic import Cyclic


@pytest.mark.parametrize(("mode", "gamma"), [("triangular", 1.0), ("triangular2", 1.0), ("exp_range", 0.99)])
@pytest.mark.parametrize(("up", "down"), [(20, None), (7, 13), (1, 1), (10, 3)])
def test_as_torch(same_curve, mode, gamma, up, down):
    # Bounds of the two groups in proportion to their rates: 0.1 and 0.02.
    given = {"step_size_up": up, "step_size_down": down, "mode": mode, "gamma": gamma}
    same_curve(
        Cyclic(0.01, 0.5, **given, base_momentum=0.7, max_momentum=0.95),
        lambda o: CyclicLR(o, [0.01, 0.002], [0.5, 0.1], **given, base_momentum=0.7, max_momentum=0.95),
        steps=150,
        total=150,
    )


def test_five_cycles_from_a_tenth_of_the_rate_unless_told(same_curve):
    same_curve(Cyclic(), lambda o: CyclicLR(o, [0.01, 0.002], [0.1, 0.02], 20), steps=200, total=200)


def test_goes_on_past_the_end_and_in_short_runs():
    schedule = Cyclic()
    schedule.bind(1, 0.1)
    assert [schedule.lr(t, 0.1) for t in range(4)] == pytest.approx([0.01, 0.1, 0.01, 0.1])
