import numpy as np
import pytest
import torch
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import CubicSpline

from runner.augmentation.time_warp import TimeWarp
from runner.engine.batch import Batch


@pytest.fixture
def warp(fit):
    def make(std=0.2, knots=6):
        technique = TimeWarp(std, knots)
        technique.setup(fit(device=torch.device("cpu")))
        return technique

    return make


def test_is_scipys_spline_trapezoids_and_interpolation_of_one_series_after_another(warp):
    lengths = torch.tensor([40, 17, 2, 1])
    x = torch.randn(4, 40, 3)
    torch.manual_seed(0)
    heights = 0.8 * torch.randn(4, 6, 1)
    torch.manual_seed(0)
    changed = warp(0.8).on_batch(Batch(x, torch.zeros(4), {"lengths": lengths})).inputs
    for one, before, drawn, length in zip(changed, x.numpy(), heights.numpy(), lengths.tolist(), strict=True):
        steps = np.arange(length)
        speed = np.exp(CubicSpline(np.linspace(0, max(1, length - 1), 6), drawn[:, 0])(steps))
        way = cumulative_trapezoid(speed, initial=0)
        source = way / max(way[-1], 1e-9) * (length - 1)
        for channel in range(3):
            expected = np.interp(source, steps, before[:length, channel])
            np.testing.assert_allclose(one[:length, channel].numpy(), expected, atol=1e-4)
        assert np.array_equal(one[length:], before[length:])


@pytest.mark.parametrize("std", [0.2, 2.0])
def test_time_goes_on_from_the_first_step_to_the_last(warp, std):
    torch.manual_seed(0)
    ramp = torch.arange(100.0).expand(500, 100)[..., None]  # what comes out is where it came from
    source = warp(std).on_batch(Batch(ramp, torch.zeros(500))).inputs[..., 0]
    assert not source[:, 0].any() and (source[:, -1] == 99).all()
    assert (source.diff(dim=1) >= -1e-4).all()
    assert (source - ramp[..., 0]).abs().max() > 2


def test_the_speed_at_a_knot_is_log_normal(warp):
    torch.manual_seed(0)
    ramp = torch.arange(400.0).expand(3000, 400)[..., None]
    speed = warp(0.3).on_batch(Batch(ramp, torch.zeros(3000))).inputs[..., 0].diff(dim=1)
    ratio = (speed[:, 0] / speed[:, -1]).log()  # of two of them
    assert ratio.mean().item() == pytest.approx(0, abs=0.03)
    assert ratio.std().item() == pytest.approx(0.3 * 2**0.5, rel=0.05)
