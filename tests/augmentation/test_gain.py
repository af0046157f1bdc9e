import pytest
import torch

from runner.augmentation.gain import Gain
from runner.errors import ConfigError
from tests.batches import batch_of


def test_changes_the_level_by_so_many_decibels_each_sound_by_its_own():
    torch.manual_seed(0)
    x = torch.randn(5000, 8)
    changed = Gain((-12.0, 6.0)).on_batch(batch_of(torch.zeros(5000), x)).inputs
    ratio = changed / x
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))  # one factor for a sound
    decibels = 20 * ratio[:, 0].log10()
    assert decibels.min() >= -12.001
    assert decibels.max() <= 6.001
    quantiles = torch.quantile(decibels, torch.tensor([0.25, 0.5, 0.75]))
    torch.testing.assert_close(quantiles, torch.tensor([-7.5, -3.0, 1.5]), atol=0.5, rtol=0)


def test_a_range_in_the_wrong_order_is_refused():
    with pytest.raises(ConfigError, match=r"augmentation\.gain\.decibels=\[6.0, -6.0\]"):
        Gain((6.0, -6.0))
