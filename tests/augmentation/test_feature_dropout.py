"""Statistics of what is left out, and that nothing else changes."""

import pytest
import torch

from runner.augmentation.feature_dropout import FeatureDropout
from runner.engine.batch import Batch
from runner.errors import ConfigError


@pytest.mark.parametrize("p", [0.0, 0.1, 0.6])
def test_features_are_left_out_with_that_probability_and_keep_their_mean(p):
    torch.manual_seed(0)
    inputs = torch.rand(4000, 5) + 1
    batch = Batch(inputs, torch.arange(4000), {"categories": torch.ones(4000, 2, dtype=torch.int64)})
    changed = FeatureDropout(p).on_batch(batch)
    dropped = changed.inputs == 0
    sd = (p * (1 - p) / 4000) ** 0.5
    assert ((dropped.float().mean(0) - p).abs() <= 4.5 * sd).all()
    assert torch.allclose(changed.inputs[~dropped], inputs[~dropped] / (1 - p))
    assert torch.allclose(changed.inputs.mean(), inputs.mean(), rtol=0.05)
    assert changed.more is batch.more and torch.equal(changed.targets, batch.targets)
    # Independent of each other: two features are left out together as often as chance has it.
    both = (dropped[:, 0] & dropped[:, 1]).float().mean()
    assert abs(both - p * p) <= 4.5 * (p * p * (1 - p * p) / 4000) ** 0.5


def test_images_are_refused(go):
    with pytest.raises(ConfigError, match="augmentation=feature_dropout takes rows of a table"):
        go("augmentation=[feature_dropout]")
