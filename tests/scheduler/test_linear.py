import pytest
from torch.optim.lr_scheduler import LinearLR

from runner.scheduler.linear import Linear


@pytest.mark.parametrize(("start", "end", "length"), [(1.0, 0.0, 50), (0.5, 0.1, 37), (0.2, 0.9, 10), (1.0, 0.0, 1)])
def test_as_torch(same_curve, start, end, length):
    same_curve(Linear(start, end, length), lambda o: LinearLR(o, start, end, length), steps=60, total=999)


def test_to_zero_over_the_whole_run_unless_told_also_when_it_grows():
    schedule = Linear()
    for total in (10, 40):
        schedule.bind(total, 0.1)
        expected = [0.1 * (1 - min(t, total) / total) for t in range(60)]
        assert [schedule.lr(t, 0.1) for t in range(60)] == pytest.approx(expected)
