import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.batch import Batch
from tests.batches import batch_of


def made(n, units=3, names=("lengths", "mask")):
    more = {name: torch.arange(n * 2).view(n, 2) + 100 * i for i, name in enumerate(names)}
    return Batch(torch.randn(n, 4), torch.arange(n), more, n, n * units)


def test_examples_are_counted_and_units_are_examples_unless_told():
    batch = batch_of(torch.zeros(5, 3))
    assert (batch.examples, batch.units) == (5, 5)
    assert (Batch(torch.zeros(2), torch.zeros(5), {}, 4, 9).examples, batch.more) == (4, {})


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(1, 4), st.integers(0, 3))
def test_parts_are_views_that_cover_everything(n, size, units, names):
    batch = made(n, units, [f"m{i}" for i in range(names)])
    parts = batch.parts(size)
    assert [part.examples for part in parts] == [min(size, n - start) for start in range(0, n, size)]
    assert sum(part.units for part in parts) == batch.units
    assert all(part.units == units * part.examples == units * len(part.targets) for part in parts)
    for get in (lambda b: b.inputs, lambda b: b.targets, *(lambda b, name=name: b.more[name] for name in batch.more)):
        assert torch.equal(torch.cat([get(part) for part in parts]), get(batch))
        owner = get(batch).untyped_storage().data_ptr()
        assert {get(part).untyped_storage().data_ptr() for part in parts} == {owner}
    assert all(list(part.more) == list(batch.more) for part in parts)


def test_to_keeps_counts_and_moves_everything():
    batch = Batch(torch.randn(6, 3, 4, 4), torch.arange(6), {"mask": torch.ones(6, 2)}, 6, 18)
    there = batch.to(torch.device("meta"), torch.channels_last)
    assert {t.device.type for t in (there.inputs, there.targets, *there.more.values())} == {"meta"}
    assert (there.examples, there.units, list(there.more)) == (6, 18, ["mask"])
    here = batch.to(torch.device("cpu"), torch.channels_last)
    assert here.inputs.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(here.inputs, batch.inputs)
    assert here.targets is batch.targets


def test_changed_leaves_the_batch_alone():
    batch = made(4)
    inputs, targets = batch.inputs, batch.targets
    other = batch.changed(inputs + 1, targets.double())
    assert torch.equal(other.inputs, inputs + 1) and other.targets.dtype == torch.float64
    assert (other.more, other.examples, other.units) == (batch.more, 4, 12)
    assert batch.inputs is inputs and batch.targets is targets
    assert batch.changed(targets=targets + 1).inputs is inputs
    assert batch.changed(inputs * 2).targets is targets


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_memory():
    pinned = made(4).pin_memory()
    assert all(t.is_pinned() for t in (pinned.inputs, pinned.targets, *pinned.more.values()))
    assert (pinned.examples, pinned.units) == (4, 12)
