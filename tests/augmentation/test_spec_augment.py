import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.augmentation.spec_augment import SpecAugment, masked, warped
from runner.engine.batch import Batch
from tests.batches import batch_of


def test_masks_are_bands_and_frames_of_the_mean():
    x = torch.randn(2, 1, 6, 5)
    made = masked(x, torch.tensor([1.0, 4.0]), torch.tensor([3.0, 0.0]), -2)
    expected = x.clone()
    expected[0, :, 1:4] = x[0].mean()
    torch.testing.assert_close(made, expected)
    made = masked(x[:, 0], torch.tensor([0.0, 3.0]), torch.tensor([1.0, 2.0]), -1)  # of series (N, frames, bands)
    expected = x[:, 0].clone()
    expected[0, :, 0], expected[1, :, 3:] = x[0].mean(), x[1].mean()
    torch.testing.assert_close(made, expected)


def test_width_and_place_are_drawn_alike_for_each_spectrogram():
    torch.manual_seed(0)
    x = torch.randn(8000, 1, 10, 4)
    technique = SpecAugment(time_masks=1, time_width=0.35, frequency_masks=0)
    changed = technique.on_batch(batch_of(torch.arange(8000), x)).inputs
    gone = (changed != x).all(3)[:, 0]  # (N, frames)
    widths = gone.sum(1)
    counts = torch.bincount(widths)
    assert len(counts) == 4  # 0 to 3 of 10 frames
    assert counts.float().std() < 0.1 * counts.float().mean()
    three = gone[widths == 3]
    assert (three.float().diff(dim=1).abs().sum(1) <= 2).all()  # they are neighbours
    starts = torch.bincount(three.float().argmax(1))
    assert len(starts) == 8  # every place where three frames fit
    assert starts.float().std() < 0.15 * starts.float().mean()


def test_off_is_off_and_the_input_stays():
    x = torch.randn(4, 1, 7, 5)
    before = x.clone()
    nothing = SpecAugment(time_masks=0, frequency_masks=0)
    assert nothing.on_batch(batch_of(torch.zeros(4), x)).inputs is x
    SpecAugment(time_warp=0.3).on_batch(batch_of(torch.zeros(4), x))
    assert torch.equal(x, before)


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 20), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_warp_is_the_piecewise_linear_one(frames, centre, to):
    values = np.random.default_rng(frames).normal(size=frames)
    last = frames - 1
    centre, to = centre * last, to * last
    x = torch.from_numpy(values)[None, None, :, None].expand(1, 1, frames, 2)
    made = warped(x, torch.tensor([centre]), torch.tensor([to - centre]))[0, 0, :, 1]
    source = np.interp(np.arange(frames), [0, to, last], [0, centre, last])
    assert made.numpy() == pytest.approx(np.interp(source, np.arange(frames), values), abs=1e-4)


def test_a_warp_keeps_to_the_frames_there_are():
    torch.manual_seed(0)
    x = torch.rand(500, 1, 9, 3)
    changed = SpecAugment(0, 0.0, 0, 0.0, time_warp=0.49).on_batch(batch_of(torch.zeros(500), x)).inputs
    assert torch.equal(changed[:, :, 0], x[:, :, 0])
    torch.testing.assert_close(changed[:, :, -1], x[:, :, -1])
    assert changed.isfinite().all()
    assert not torch.equal(changed, x)


def test_series_of_unequal_length_are_masked_and_warped_within_their_own():
    torch.manual_seed(0)
    lengths = torch.tensor([1, 2, 3, 20] * 50)
    x = torch.randn(200, 20, 4).masked_fill((torch.arange(20) >= lengths[:, None])[..., None], 0.0)
    batch = Batch(x, torch.zeros(200), {"lengths": lengths})
    for technique in (SpecAugment(1, 0.5, 0), SpecAugment(0, 0.0, 1, 0.5), SpecAugment(0, 0.0, 0, 0.0, time_warp=0.4)):
        changed = technique.on_batch(batch).inputs
        assert changed.isfinite().all() and not torch.equal(changed, x)
        for one, before, length in zip(changed, x, lengths.tolist(), strict=True):
            assert not one[length:].any()  # what is behind the end stays padding
            alone = Batch(before[None, :length], torch.zeros(1))  # the same series without padding may become such
            if technique.time_masks and (gone := (one != before).any(1)).any():
                assert gone.sum() <= length * 0.5
                torch.testing.assert_close(one[gone], alone.inputs.mean().expand(int(gone.sum()), 4))
            if technique.frequency_masks:
                gone = (one[:length] != before[:length]).any(0)
                torch.testing.assert_close(one[:length, gone], alone.inputs.mean().expand(length, int(gone.sum())))
        assert torch.equal(changed[lengths == 1], x[lengths == 1]) == (technique.frequency_masks == 0)
    twenty = torch.randn(500, 20, 4)  # of one length, both ways draw and change the same
    for technique in (SpecAugment(2, 0.3, 2, 0.5), SpecAugment(0, 0.0, 0, 0.0, time_warp=0.3)):
        made = []
        for more in ({}, {"lengths": torch.full((500,), 20)}):
            torch.manual_seed(1)
            made.append(technique.on_batch(Batch(twenty, torch.zeros(500), more)).inputs)
        torch.testing.assert_close(*made, rtol=1e-4, atol=1e-4)
