"""Images kept as bytes: what networks are given is, to the bit, what it would be if all had been scaled beforehand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset

from runner.data.digits import Digits
from runner.data.image.files import Pixels
from runner.data.parts.scaling import Scale
from runner.engine.batches import Batches
from runner.engine.split import DatasetSplit, ScaledSplit, TensorSplit
from runner.engine.split.rows import RowsSplit

CPU = torch.device("cpu")
VALUE = st.floats(0, 255)


def of(scale, as_sequence=False):
    pixels = Pixels("standard", 16, 16, len(scale.shift), as_sequence=as_sequence)
    pixels.scale = scale
    return pixels


@given(st.lists(st.tuples(VALUE, st.floats(1e-3, 300)), min_size=1, max_size=3), st.booleans())
def test_every_value_of_a_byte_becomes_what_numpy_makes_of_it(scales, as_sequence):
    shift, spread = map(np.array, zip(*scales, strict=True))
    every = np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16), (2, len(scales), 16, 16))
    expected = (every.astype(np.float32) - shift.astype(np.float32)[:, None, None]) / spread.astype(np.float32)[
        :, None, None
    ]
    assert np.array_equal(Scale(shift, spread).images(every), expected)
    pixels = of(Scale(shift, spread), as_sequence)
    kept = torch.from_numpy(every.copy())
    assert torch.equal(pixels.module()(kept), pixels(every))
    assert np.array_equal(kept.numpy(), every)  # what is kept stays


class Rows(Dataset):
    def __init__(self, inputs, targets):
        self.inputs, self.targets = inputs, targets

    def __getitem__(self, i):
        return self.inputs[i], self.targets[i]


N = 23
RAW = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (N, 3, 5, 4), dtype=np.uint8))
SCALE = Scale(np.array([125.3, 123.0, 113.9]), np.array([63.0, 62.1, 66.7]))


@pytest.mark.parametrize("kind", ["memory", "read here", "read by a worker"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_batches_are_those_of_inputs_scaled_beforehand(kind, channels_last, monkeypatch):
    monkeypatch.setattr("runner.engine.split.tensors._GATHER_PIXELS", 700)  # two of the gathers have several batches
    targets, raw = torch.arange(N), RAW.clone()
    kept = TensorSplit(raw, targets) if kind == "memory" else DatasetSplit(Rows(raw, targets), N)
    settings = {"accumulate": 2, "seed": 4, "channels_last": channels_last, "limit": 3}
    bytes_ = Batches(
        RowsSplit(ScaledSplit(kept, of(SCALE).module()), targets.flip(0)),
        4,
        CPU,
        **settings,
        num_workers=int(kind == "read by a worker"),
    )
    before = TensorSplit(torch.from_numpy(SCALE.images(RAW.numpy())), targets)
    plain = Batches(RowsSplit(before, targets.flip(0)), 4, CPU, **settings)
    for epoch, start in ((0, 0), (1, 2)):
        pairs = zip(bytes_.updates(epoch, start), plain.updates(epoch, start), strict=True)
        both = [pair for one, other in pairs for pair in zip(one, other, strict=True)]
        assert len(both) == (6 - 2 * start)
        for one, other in both + list(zip(bytes_.in_order(), plain.in_order(), strict=True)):
            assert torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)
            assert one.inputs.dtype == torch.float32 and (one.examples, one.units) == (other.examples, other.units)
            assert one.inputs.is_contiguous(memory_format=torch.channels_last) or not channels_last
    assert torch.equal(raw, RAW)


def test_what_is_kept_is_a_byte_for_a_value():
    train = Digits().load().train
    assert train.kept.inputs.dtype == torch.uint8
    assert train.kept.inputs.nbytes == len(train) * 64
    assert torch.equal(train.opened(CPU, 0, 0).read(torch.tensor([5, 2])).inputs, train.inputs[[5, 2]])
    assert torch.equal(train.classes(), train.targets)
