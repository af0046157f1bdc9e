import pytest
import torch

from runner.augmentation.scaling import Scaling
from tests.batches import batch_of


def test_factors_are_normal_around_one_for_each_series_and_channel():
    torch.manual_seed(0)
    x = torch.rand(4000, 5, 2) + 1
    factors = Scaling(std=0.3).on_batch(batch_of(torch.zeros(4000), x)).inputs / x
    torch.testing.assert_close(factors, factors[:, :1].expand_as(x))  # of all steps alike
    z = (factors[:, 0] - 1) / 0.3
    torch.testing.assert_close(z.mean(0), torch.zeros(2), atol=0.06, rtol=0)
    quantiles = torch.quantile(z, torch.tensor([0.05, 0.5, 0.95]))
    torch.testing.assert_close(quantiles, torch.tensor([-1.645, 0.0, 1.645]), atol=0.06, rtol=0)
    assert torch.corrcoef(z.T)[0, 1].item() == pytest.approx(0, abs=0.06)
