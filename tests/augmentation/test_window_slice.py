import numpy as np
import pytest
import torch

from runner.augmentation.window_slice import WindowSlice
from runner.engine.batch import Batch


@pytest.mark.parametrize("share", [0.9, 0.35])
def test_is_numpys_interpolation_of_one_series_after_another(share):
    lengths = torch.tensor([30, 11, 2, 1])
    x = torch.randn(4, 30, 3)
    torch.manual_seed(0)
    draws = torch.rand(4, 1).numpy()
    torch.manual_seed(0)
    changed = WindowSlice(share).on_batch(Batch(x, torch.zeros(4), {"lengths": lengths})).inputs
    for one, before, draw, length in zip(changed, x.numpy(), draws, lengths.tolist(), strict=True):
        first = draw * (1 - share) * (length - 1)
        source = np.linspace(first, first + share * (length - 1), length)[:, 0]
        for channel in range(3):
            expected = np.interp(source, np.arange(length), before[:length, channel])
            np.testing.assert_allclose(one[:length, channel].numpy(), expected, atol=1e-4)
        assert np.array_equal(one[length:], before[length:])


def test_every_beginning_at_which_the_slice_fits_comes_alike():
    torch.manual_seed(0)
    ramp = torch.arange(101.0).expand(4000, 101)[..., None]  # what comes out is where it came from
    source = WindowSlice(0.6).on_batch(Batch(ramp, torch.zeros(4000))).inputs[..., 0]
    torch.testing.assert_close(source[:, -1] - source[:, 0], torch.full((4000,), 60.0))
    quantiles = torch.quantile(source[:, 0], torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
    torch.testing.assert_close(quantiles, torch.tensor([0.0, 10.0, 20.0, 30.0, 40.0]), atol=1.0, rtol=0)
    assert source.min() >= 0 and source.max() <= 100
