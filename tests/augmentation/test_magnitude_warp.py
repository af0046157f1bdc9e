import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from runner.augmentation.magnitude_warp import MagnitudeWarp
from runner.engine.batch import Batch


@pytest.mark.parametrize("knots", [2, 3, 6])
def test_curves_are_scipys_over_the_length_of_each_series(fit, knots):
    lengths = torch.tensor([23, 9, 2, 1])
    x = torch.ones(4, 23, 2)
    technique = MagnitudeWarp(0.5, knots)
    technique.setup(fit(device=torch.device("cpu")))
    torch.manual_seed(0)
    heights = 1 + 0.5 * torch.randn(4, knots, 2)
    torch.manual_seed(0)
    changed = technique.on_batch(Batch(x, torch.zeros(4), {"lengths": lengths})).inputs
    for one, drawn, length in zip(changed, heights, lengths.tolist(), strict=True):
        spline = CubicSpline(np.linspace(0, max(1, length - 1), knots), drawn.numpy())
        np.testing.assert_allclose(one[:length].numpy(), spline(np.arange(length)), atol=1e-5)


def test_factors_at_the_ends_are_normal(fit):
    technique = MagnitudeWarp(0.2)
    technique.setup(fit(device=torch.device("cpu")))
    torch.manual_seed(0)
    ends = technique.on_batch(Batch(torch.ones(4000, 30, 2), torch.zeros(4000))).inputs[:, [0, -1]].flatten(1)
    torch.testing.assert_close(ends.mean(0), torch.ones(4), atol=0.015, rtol=0)
    torch.testing.assert_close(torch.cov(ends.T), 0.04 * torch.eye(4), atol=0.004, rtol=0)
