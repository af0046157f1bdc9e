import gc
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset
from torch.utils.data import _utils as utils

from runner.engine.batches import Batches
from runner.engine.split import DatasetSplit, TensorSplit
from runner.errors import ConfigError, RunFailed

CPU = torch.device("cpu")


def tensors(n=23):
    return TensorSplit(torch.arange(n * 2.0).view(n, 2), torch.arange(n))


class Noisy(Dataset):
    """Draws a random number with every example, as augmenting data sets do."""

    def __init__(self, split):
        self.split = split

    def __getitem__(self, i):
        return self.split.inputs[i] + torch.rand(()), self.split.targets[i]


def seen(batches, epoch, start=0):
    return [[b.targets.tolist() for b in update] for update in batches.updates(epoch, start)]


def test_every_example_once_in_a_new_order_each_epoch():
    batches = Batches(tensors(), 4, CPU, seed=1)
    first, second = seen(batches, 0), seen(batches, 1)
    assert sorted(i for update in first for batch in update for i in batch) == list(range(23))
    assert first != second
    assert first == seen(Batches(tensors(), 4, CPU, seed=1), 0)
    assert first != seen(Batches(tensors(), 4, CPU, seed=2), 0)


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("kind", ["tensors", "dataset"])
def test_starting_in_the_middle_gives_the_rest(accumulate, kind):
    split = tensors() if kind == "tensors" else DatasetSplit(Noisy(tensors()), 23)
    batches = Batches(split, 3, CPU, seed=5, accumulate=accumulate)
    whole = [[b.inputs.clone() for b in u] for u in batches.updates(2)]
    rest = [[b.inputs.clone() for b in u] for u in batches.updates(2, start=1)]
    assert len(whole) == batches.updates_per_epoch
    for a, b in zip(whole[1:], rest, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", ["tensors", "dataset"])
def test_after_the_last_update_there_is_none(kind):
    split = tensors() if kind == "tensors" else DatasetSplit(Noisy(tensors()), 23)
    batches = Batches(split, 4, CPU)
    assert list(batches.updates(0, batches.updates_per_epoch)) == []


def test_gathering_in_parts_changes_nothing(monkeypatch):
    whole = seen(Batches(tensors(), 4, CPU), 0)
    monkeypatch.setattr("runner.engine.split.tensors._GATHER_BYTES", 1)
    assert seen(Batches(tensors(), 4, CPU), 0) == whole


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataset_read_by_workers_equals_one_read_here(workers):
    split = DatasetSplit(Noisy(tensors()), 23)
    here = Batches(split, 4, CPU, seed=9)
    there = Batches(split, 4, CPU, seed=9, num_workers=workers)
    for epoch in (0, 1):
        for a, b in zip(here.updates(epoch), there.updates(epoch), strict=True):
            assert torch.equal(a[0].inputs, b[0].inputs)
    order = [u[0].targets.tolist() for u in here.updates(0)]
    assert order == [u[0] for u in seen(Batches(tensors(), 4, CPU, seed=9), 0)]


def workers_end():
    """In a process of its own, in which nothing else holds what is let go."""
    utils.MP_STATUS_CHECK_INTERVAL = 60.0
    holder = [Batches(DatasetSplit(Noisy(tensors()), 23), 4, CPU, num_workers=1)]
    holder.append(holder)
    assert len(seen(holder[0], 0)) == 6
    (worker,) = multiprocessing.active_children()
    utils.MP_STATUS_CHECK_INTERVAL = 20.0
    ended = []
    worker.terminate = lambda: ended.append(worker.kill())
    del holder
    gc.collect()
    assert not worker.is_alive() and ended == []


def test_workers_end_at_once_when_nobody_needs_them():
    """Also where their loader goes with a cycle of references: they are told, not ended by a signal after a wait."""
    program = "from tests.engine.test_batches import workers_end; workers_end()"
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True, timeout=300)


class Broken(Dataset):
    def __getitem__(self, i):
        raise RunFailed("photos/cat/3.jpg: not an image.")


@pytest.mark.parametrize("workers", [0, 1])
def test_what_went_wrong_in_a_worker_is_one_sentence(workers):
    batches = Batches(DatasetSplit(Broken(), 4), 2, CPU, num_workers=workers)
    with pytest.raises(RunFailed) as caught:
        list(batches.updates(0))
    assert str(caught.value) == "photos/cat/3.jpg: not an image."


@pytest.mark.slow
def test_short_last_batches():
    assert [len(u[0]) for u in seen(Batches(tensors(9), 4, CPU), 0)] == [4, 4, 1]
    assert [len(u[0]) for u in seen(Batches(tensors(9), 4, CPU, least=2), 0)] == [4, 4]
    assert [len(u[0]) for u in seen(Batches(tensors(10), 4, CPU, drop_last=True), 0)] == [4, 4]
    assert [[len(b) for b in u] for u in seen(Batches(tensors(9), 2, CPU, accumulate=2), 0)] == [[2, 2], [2, 2], [1]]
    with pytest.raises(ConfigError, match="batch_size=16"):
        Batches(tensors(9), 16, CPU, drop_last=True)


def test_limit_and_evaluation_order():
    limited = Batches(tensors(), 4, CPU, limit=2)
    assert limited.updates_per_epoch == 2
    assert len(seen(limited, 0)) == 2
    whole = Batches(tensors(), 4, CPU)
    assert torch.cat([batch.targets for batch in whole.in_order()]).tolist() == list(range(23))


def test_channels_last():
    split = TensorSplit(torch.randn(8, 3, 4, 4), torch.arange(8))
    batches = Batches(split, 4, CPU, channels_last=True)
    inputs = next(iter(batches.updates(0)))[0].inputs
    assert inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", ["tensors", "dataset"])
def test_without_reshuffling_every_epoch_is_the_first(kind):
    split = tensors() if kind == "tensors" else DatasetSplit(Noisy(tensors()), 23)
    batches = Batches(split, 4, CPU, seed=1, limit=2, reshuffle=False)
    epochs = [
        [b.clone() for u in batches.updates(epoch) for batch in u for b in (batch.inputs, batch.targets)]
        for epoch in (0, 1, 7)
    ]
    shuffled = [batch for update in Batches(split, 4, CPU, seed=1, limit=2).updates(0) for batch in update]
    for epoch in epochs:
        expected = [tensor for batch in shuffled for tensor in (batch.inputs, batch.targets)]
        assert all(torch.equal(a, b) for a, b in zip(epoch, expected, strict=True))


@pytest.mark.parametrize("kind", ["tensors", "dataset"])
def test_a_limited_evaluation_sees_drawn_examples_in_their_order(kind):
    """As a split may be sorted by class; the seed tells which, and a whole evaluation takes all as they stand."""
    split = tensors() if kind == "tensors" else DatasetSplit(Noisy(tensors()), 23)

    def rows(**settings):
        return torch.cat([batch.targets for batch in Batches(split, 4, CPU, **settings).in_order()]).tolist()

    assert rows(limit=6) == rows(limit=99) == rows() == list(range(23))
    some = rows(limit=2, seed=5)
    assert some == rows(limit=2, seed=5) == sorted(some) == split.read(split.drawn(8, 5)).targets.tolist()
    assert len(some) == len(set(some)) == 8
    assert len({tuple(rows(limit=2, seed=seed)) for seed in range(9)}) > 5
