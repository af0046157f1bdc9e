"""Batches of similar length: each example once, an order that is a function of seed and epoch, less padding."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runner.data.python_functions import PythonFunctions
from runner.engine.batches import Batches
from runner.engine.split import SequenceSplit
from runner.engine.split.rows import RowsSplit
from runner.engine.split.sequences import by_length, padding_share, ragged
from runner.errors import ConfigError, Interrupted
from runner.run import resume
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

CPU = torch.device("cpu")


def split(lengths, buckets=3):
    values, offsets = ragged([torch.full((length,), number) for number, length in enumerate(lengths)])
    return SequenceSplit(values, offsets, torch.arange(len(lengths)), length_buckets=buckets)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=60),
    st.integers(1, 7),
    st.integers(1, 3),
    st.integers(0, 5),
    st.booleans(),
)
def test_every_example_is_seen_once_in_batches_that_resuming_finds_again(lengths, size, accumulate, epoch, view):
    part = split(lengths)
    part = RowsSplit(part, torch.arange(len(part)).flip(0)) if view else part
    make = lambda: Batches(part, size, CPU, accumulate=accumulate, seed=3)  # noqa: E731
    whole = [[b.targets.tolist() for b in update] for update in make().updates(epoch)]
    assert sorted(row for update in whole for batch in update for row in batch) == list(range(len(lengths)))
    assert [len(batch) for update in whole for batch in update][:-1] == [size] * (-(-len(lengths) // size) - 1)
    for start in range(len(whole)):
        assert [[b.targets.tolist() for b in update] for update in make().updates(epoch, start)] == whole[start:]


def test_batches_are_of_similar_length_and_what_is_left_out_is_drawn():
    lengths = torch.randint(1, 200, (1003,), generator=torch.Generator().manual_seed(1))
    left_out, firsts = set(), []
    for epoch in range(4):
        batches = Batches(split(lengths.tolist(), 50), 10, CPU, drop_last=True, seed=0)
        told = [batch.more["lengths"] for (batch,) in batches.updates(epoch)]
        assert len(told) == 100
        assert sum(int(t.max() - t.min()) for t in told) / len(told) < 8
        means = torch.stack([t.float().mean() for t in told[:50]])  # of the batches of a window: in no order of length
        assert torch.corrcoef(torch.stack((torch.arange(50.0), means)))[0, 1].abs() < 0.4
        firsts.append(told[0].tolist())
        left_out |= set(range(1003)) - {row for (b,) in batches.updates(epoch) for row in b.targets.tolist()}
    assert len(left_out) > 9
    assert len({tuple(first) for first in firsts}) == 4
    batches.grow(3)
    sizes = {len(update[0].targets) for update in batches.updates(1)}
    assert sizes == {30}
    assert batches.order(1).tolist() == batches.order(1).tolist()


def test_how_much_is_padded_by_hand():
    lengths = torch.tensor([1, 4, 2, 4, 3])
    assert padding_share(torch.arange(5), lengths, 2) == pytest.approx(1 - 14 / (8 + 8 + 3))
    order = by_length(torch.arange(4), lengths, 2, 2, torch.Generator().manual_seed(0))
    assert padding_share(order, lengths, 2) == pytest.approx(1 - 11 / (4 + 8))


SMALL = ("data=python_functions", "data.packages=[json,urllib,http]", "data.longest=60", "model=gru", "model.hidden=8")


def test_a_run_is_resumed_exactly_and_its_padding_is_told(go):
    words = (*SMALL, "data.length_buckets=4", "data.batch_size=8", "trainer.accumulate=2", "trainer.max_epochs=2")
    words = (*words, "trainer.limit_batches=6", "trainer.log_every=1")
    go(*words, folder="whole")
    with pytest.raises(Interrupted):
        go(*words, folder="cut", progress=StopAtStep(4))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []
    option = PythonFunctions(packages=("json", "urllib", "http"), longest=60, batch_size=8, length_buckets=20)
    (note,) = (note for note in option.load().notes if "padding" in note)
    shares = [float(word) for word in note.replace(",", " ").split() if word.replace(".", "").isdigit()]
    assert note.startswith(f"{shares[0]:.2g} % of what is given in training is padding")
    assert shares[0] < 0.4 * shares[1]


def test_balanced_batches_say_themselves_what_is_in_a_batch(go):
    with pytest.raises(ConfigError, match=r"Leave one of them out"):
        go(*SMALL, "balance=balanced_batches", "data.length_buckets=4")
