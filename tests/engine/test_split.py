"""Each form of examples against plain Python over the same examples."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

from runner.engine.batch import Batch
from runner.engine.batches import Batches
from runner.engine.spec import IGNORED
from runner.engine.split import DatasetSplit, GraphSplit, SequenceSplit, StreamSplit, TensorSplit, WindowSplit
from runner.engine.split.sequences import ragged

CPU = torch.device("cpu")
SEQUENCES = st.lists(st.lists(st.integers(1, 50), max_size=9), min_size=1, max_size=12)


def same(a, b):
    assert torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
    assert (list(a.more), a.examples, a.units) == (list(b.more), b.examples, b.units)
    assert all(torch.equal(a.more[name], b.more[name]) for name in a.more)


def stay(batches):
    return iter(batches)


def numbers(n, draw):
    return torch.tensor(draw.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=2 * n)))


def tensors(n=23, **more):
    return TensorSplit(torch.arange(n * 3.0).view(n, 3), torch.arange(n), more, units=4)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.booleans(), st.integers(1, 200))
def test_tensors_read_in_order_and_in_batches_agree(n, size, beside, gathered):
    split = tensors(n, mask=torch.arange(n)[:, None]) if beside else tensors(n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.engine.split.tensors._GATHER_BYTES", gathered)
        found = list(split.batches(0, order, size, stay))
    for rows, batch in zip(order.split(size), found, strict=True):
        same(batch, split.read(rows))
        assert (batch.examples, batch.units) == (len(rows), 4 * len(rows))
    for rows, batch in zip(torch.arange(n).split(size), split.in_order(size, stay), strict=True):
        same(batch, split.read(rows))


def test_tensors_in_order_are_views():
    split = tensors(10, mask=torch.arange(10))
    found = list(split.in_order(4, stay))
    assert [batch.examples for batch in found] == [4, 4, 2]
    assert found[1].inputs.data_ptr() == split.inputs[4:].data_ptr()
    assert split.opened(CPU, 0, 0).inputs is split.inputs


@settings(max_examples=100, deadline=None)
@given(SEQUENCES, st.data())
def test_sequences_are_filled_up_to_the_longest_of_their_batch(sequences, draw):
    values, offsets = ragged([torch.tensor(s, dtype=torch.long) for s in sequences])
    split = SequenceSplit(values, offsets, torch.arange(len(sequences)), padding=99)
    rows = numbers(len(sequences), draw)
    batch, longest = split.read(rows), max(len(sequences[i]) for i in rows)
    assert batch.inputs.tolist() == [sequences[i] + [99] * (longest - len(sequences[i])) for i in rows]
    assert batch.more["lengths"].tolist() == [len(sequences[i]) for i in rows]
    assert torch.equal(batch.targets, rows)
    assert (len(split), batch.examples, batch.units) == (len(sequences), len(rows), len(rows))
    assert batch.inputs.dtype == torch.int64


@settings(max_examples=100, deadline=None)
@given(SEQUENCES, st.one_of(st.none(), st.just(7)), st.data())
def test_answers_that_are_sequences(sequences, start, draw):
    answers = [[token + 100 for token in s] + [1] for s in reversed(sequences)]  # never empty: they end in 1
    values, offsets = ragged([torch.tensor(s, dtype=torch.long) for s in sequences])
    targets, target_offsets = ragged([torch.tensor(s) for s in answers])
    split = SequenceSplit(values, offsets, targets, target_offsets, padding=0, start=start)
    rows = numbers(len(sequences), draw)
    batch, longest = split.read(rows), max(len(answers[i]) for i in rows)
    assert batch.targets.tolist() == [answers[i] + [IGNORED] * (longest - len(answers[i])) for i in rows]
    assert (batch.examples, batch.units) == (len(rows), sum(len(answers[i]) for i in rows))
    assert batch.units == int((batch.targets != IGNORED).sum())
    assert list(batch.more) == ["lengths"] + ["decoder_inputs"] * (start is not None)
    if start is not None:
        for given_, i in zip(batch.more["decoder_inputs"].tolist(), rows.tolist(), strict=True):
            moved = [start, *answers[i]][:longest]  # the network sees what stands before each answer
            assert given_ == moved + [0] * (longest - len(moved))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(1, 8), st.integers(1, 5), st.integers(0, 4), st.booleans())
def test_windows_are_plain_slices(steps, length, stride, horizon, wide):
    stream = torch.randn(steps, 3) if wide else torch.arange(steps)
    columns = (2, 0) if wide and horizon else None
    split = WindowSplit(stream, length, stride, horizon, columns)
    expected = []
    for start in range(0, steps, stride):
        inputs = stream[start : start + length]
        first = start + (length if horizon else 1)
        targets = stream[first : first + (horizon or length)]
        if len(inputs) == length and len(targets) == (horizon or length):
            expected.append((inputs, targets[:, list(columns)] if columns else targets))
    assert len(split) == len(expected)
    if not expected:
        return
    rows = torch.arange(len(expected)).flip(0)
    for batch in (split.read(rows), split.opened(CPU, 0, 0).read(rows)):
        assert torch.equal(batch.inputs, torch.stack([inputs for inputs, _ in expected]).flip(0))
        assert torch.equal(batch.targets, torch.stack([targets for _, targets in expected]).flip(0))
        assert (batch.examples, batch.units) == (len(rows), len(rows) * (1 if horizon else length))


def test_a_graph_is_given_whole_and_asked_for_some_nodes():
    features, labels = torch.randn(9, 4), torch.arange(9) + 50
    edges, nodes = torch.randint(9, (2, 20)), torch.tensor([8, 1, 5, 3])
    split = GraphSplit(features, edges, labels, nodes)
    for some in (split, split.opened(CPU, 0, 0)):
        batch = some.read(torch.tensor([2, 0]))
        assert batch.inputs is features and batch.more["edges"] is edges
        assert batch.more["nodes"].tolist() == [5, 8] and batch.targets.tolist() == [55, 58]
        assert (len(some), batch.examples, batch.units) == (4, 2, 2)
    seen = [batch.more["nodes"].tolist() for batch in Batches(split, 3, CPU).in_order()]
    assert seen == [[8, 1, 5], [3]]


def examples(epoch, start):
    for number in itertools.count(start):
        yield torch.tensor([float(number), float(epoch)]), torch.tensor(number)


@pytest.mark.parametrize("start", range(5))
def test_a_stream_goes_on_from_any_update(start):
    batches = Batches(StreamSplit(examples, 14), 2, CPU, accumulate=2, seed=5)
    rest = [[batch.targets.tolist() for batch in update] for update in batches.updates(3, start)]
    assert rest == [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [10, 11]], [[12, 13]]][start:]
    assert all(float(batch.inputs[0, 1]) == 3 for update in batches.updates(3, start) for batch in update)


def test_a_stream_is_read_in_its_order_only():
    split = StreamSplit(examples, 14)
    assert not split.listed and len(split) == 14
    assert split.read(torch.arange(4, 7)).targets.tolist() == [4, 5, 6]
    assert split.sample(3, seed=9).targets.tolist() == [0, 1, 2]
    assert split.sample(99, seed=9).examples == 14
    assert [b.targets.tolist() for b in split.in_order(9, stay)] == [[*range(9)], [*range(9, 14)]]


class Boxes(Dataset):
    """Images with 0 to 3 boxes each."""

    def __getitem__(self, i):
        return torch.full((1, 4, 4), float(i)), torch.full((i % 4, 5), float(i))


def with_boxes(some):
    images, boxes = zip(*some, strict=True)
    most = max(map(len, boxes))
    filled = torch.full((len(boxes), most, 5), -1.0)
    for row, one in zip(filled, boxes, strict=True):
        row[: len(one)] = one
    return Batch(torch.stack(images), filled, {"number": torch.tensor([len(b) for b in boxes])})


@pytest.mark.parametrize("workers", [0, 1])
def test_examples_of_unequal_shapes_are_collated(workers):
    split = DatasetSplit(Boxes(), 10, with_boxes)
    batches = Batches(split, 3, CPU, seed=2, num_workers=workers)
    order = batches.order(0)
    for rows, (batch,) in zip(order.split(3), batches.updates(0), strict=True):
        same(batch, split.read(rows))
        assert batch.more["number"].tolist() == [i % 4 for i in rows.tolist()]
        assert batch.targets.shape == (len(rows), max(i % 4 for i in rows.tolist()), 5)
    assert split.read(torch.tensor([0, 4])).targets.shape == (2, 0, 5)


def test_pairs_are_stacked_unless_told_otherwise():
    class Pairs(Dataset):
        def __getitem__(self, i):
            return torch.full((2,), float(i)), i  # a number does as well as a tensor

    batch = DatasetSplit(Pairs(), 5).read(torch.tensor([3, 1]))
    assert batch.inputs.tolist() == [[3, 3], [1, 1]] and batch.targets.tolist() == [3, 1]


class Rows(Dataset):
    def __getitem__(self, i):
        return torch.tensor([float(i)]), torch.tensor(i)


@pytest.mark.parametrize(
    "split", [TensorSplit(torch.arange(40.0)[:, None], torch.arange(40)), DatasetSplit(Rows(), 40)]
)
def test_a_sample_is_drawn_from_the_whole_without_repetition(split):
    """Rows of a file are often sorted by class: the first ones would show one class only."""
    some = split.sample(10, seed=3)
    assert some.targets.tolist() == sorted(set(some.targets.tolist())) and some.examples == 10
    assert int(some.targets.max()) >= 20
    same(some, split.sample(10, seed=3))
    assert not torch.equal(some.targets, split.sample(10, seed=4).targets)
    assert split.sample(99, seed=3).targets.tolist() == list(range(40))
    assert some.inputs[:, 0].tolist() == some.targets.tolist()
