"""Training examples are counted as the network sees them."""

import pytest

from runner.engine.progress import Progress
from runner.errors import Interrupted
from runner.run import resume
from tests.test_run import StopAtStep

SHORT = ("data=iris", "trainer.max_epochs=3", "model.hidden=[4]")
CHOICES = [
    ("data.batch_size=32",),  # 90 examples: the last batch has 26
    ("data.batch_size=64", "data.drop_last=true"),
    ("data.batch_size=16", "trainer.accumulate=4"),
    ("data.batch_size=16", "trainer.limit_batches=2"),
    ("data.batch_size=8", "batch_growth=step", "batch_growth.step_size=1"),
    ("data.batch_size=8", "batch_growth=step", "batch_growth.step_size=1", "data.drop_last=true"),
    ("data.batch_size=89", "model.norm=batch"),  # a batch of one is left out
    ("data.batch_size=32", "trainer.max_steps=4"),
]


class Count(Progress):
    """Counts the rows that go through the network in training, and compares at every event."""

    def __init__(self):
        self.compared = 0

    def started(self, fit):
        self.fit, self.seen = fit, fit.samples()
        fit.model.register_forward_pre_hook(self.look)

    def look(self, model, inputs):
        self.seen += len(inputs[0]) if model.training else 0

    def interval(self, fit, scores):
        assert fit.samples() == self.seen
        self.compared += 1

    def epoch(self, fit, row):
        self.interval(fit, row)


@pytest.mark.parametrize("choice", CHOICES, ids=" ".join)
def test_examples_seen(go, choice):
    count = Count()
    result = go(*SHORT, *choice, "trainer.log_every=1", progress=count)
    assert count.compared >= 3
    assert count.fit.samples() == count.seen
    assert result["samples_per_second"] == pytest.approx(count.seen / result["seconds"], rel=0.5)


@pytest.mark.parametrize("choice", CHOICES[:-1], ids=" ".join)
@pytest.mark.parametrize("step", [1, 2])
def test_examples_seen_go_on_after_a_resume(go, choice, step):
    whole = Count()
    go(*SHORT, *choice, folder="whole", progress=whole)
    with pytest.raises(Interrupted):
        go(*SHORT, *choice, "trainer.log_every=1", progress=StopAtStep(step))
    count = Count()
    resume("run", progress=count)
    assert count.fit.samples() == count.seen == whole.seen
