import pytest

from runner.engine.schedule import LearningRate, Plan, Schedule, Warmup


class Ramp(Schedule):
    by = "step"

    def bind(self, total, base_lr):
        self.total = total

    def lr(self, t, base_lr):
        return base_lr * (1 - t / self.total)


class Half(Warmup):
    def lr(self, t, length, target):
        return target / 2


def test_warmup_comes_first_and_the_schedule_gets_the_rest():
    rate = LearningRate(Ramp(), Half(steps=4), Plan(5, 4, 20), 1.0)
    assert [rate(t, 1.0) for t in range(4)] == [0.5] * 4
    assert rate(4, 1.0) == 1.0
    assert rate.schedule.total == 16
    assert rate(19, 1.0) == pytest.approx(1 - 15 / 16)
    assert rate(4, 10.0) == 10.0


def test_warmup_in_epochs_and_longer_than_the_run():
    assert LearningRate(Ramp(), Half(epochs=1.5), Plan(10, 4, 40), 1.0).warmup_steps == 15
    assert LearningRate(Ramp(), Half(steps=99), Plan(10, 4, 40), 1.0).warmup_steps == 40


def test_by_epoch_counts_epochs():
    schedule = Ramp()
    schedule.by = "epoch"
    rate = LearningRate(schedule, None, Plan(5, 4, 20), 1.0)
    assert [rate(t, 1.0) for t in (0, 4, 5, 9, 10)] == [1.0, 1.0, 0.75, 0.75, 0.5]
