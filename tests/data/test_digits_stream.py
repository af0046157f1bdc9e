"""A stream of digits: the same from any place, another in every epoch, resumed exactly."""

from itertools import islice
from pathlib import Path

import pytest
import torch

from runner.data.digits import Digits
from runner.data.digits_stream import DigitsStream
from runner.errors import Interrupted
from runner.run import resume
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep


@pytest.mark.parametrize("start", [1, 7, 500])
def test_entered_anywhere_it_is_the_same_stream(start):
    split = DigitsStream().load().train
    whole, late = list(islice(split.examples(2, 0), start + 5)), list(islice(split.examples(2, start), 5))
    for (x, y), (late_x, late_y) in zip(whole[start:], late, strict=True):
        assert torch.equal(x, late_x)
        assert y == late_y


def test_epochs_differ_and_examples_are_moved_training_digits():
    data, digits = DigitsStream(epoch_size=300, scaling="none").load(), Digits(scaling="none").load()
    assert (len(data.train), data.train.listed) == (300, False)
    assert torch.equal(data.val.inputs, digits.val.inputs)
    first, second = (list(islice(data.train.examples(epoch, 0), 300)) for epoch in (0, 1))
    assert not torch.equal(torch.stack([x for x, _ in first]), torch.stack([x for x, _ in second]))
    shifts = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    every = {s: {x.numpy().tobytes() for x in digits.train.inputs.roll(s, (-2, -1))} for s in shifts}
    counts = [sum(x.numpy().tobytes() in found for x, _ in first) for found in every.values()]
    assert all(count > 10 for count in counts)
    assert all(any(x.numpy().tobytes() in found for found in every.values()) for x, _ in first)
    assert len({int(y) for _, y in first}) == 10


def test_it_learns(go):
    result = go("data=digits_stream", "trainer.max_epochs=4", "optimizer.lr=0.005", "trainer.images=0")
    assert result["step"] == 4 * 32
    assert result["val"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    "more",
    [
        ("trainer.accumulate=2", "optimizer=momentum"),
        ("trainer.precision=bf16", "augmentation=[noise]", "model.dropout=0.2"),
        ("data.batch_size=full", "trainer.max_epochs=4"),
    ],
)
def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(go, more):
    epochs = () if "trainer.max_epochs=4" in more else ("trainer.max_epochs=2",)
    overrides = ("data=digits_stream", "data.epoch_size=170", *epochs, *more, "trainer.log_every=1", "trainer.images=0")
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(2))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []
