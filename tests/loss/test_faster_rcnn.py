"""The loss of two-stage detectors: shares against drawing; as a whole in tests/model/test_faster_rcnn.py."""

import pytest
import torch
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from runner.loss.faster_rcnn import shares


@pytest.mark.parametrize(("count", "share"), [(20, 0.25), (20, 0.5), (1000, 0.5)])
def test_shares_are_the_expectation_of_torchvisions_sampler(count, share):
    torch.manual_seed(0)
    labels = torch.tensor([1.0] * 12 + [0.0] * 60 + [-1.0] * 8)
    values, means = torch.randn(len(labels)), []
    draw = BalancedPositiveNegativeSampler(count, share)
    for _ in range(4000):
        (some,), (none,) = draw([labels])
        means.append(values[(some | none).bool()].mean())
    weights = shares(labels[None] == 1, labels[None] == 0, count, share)[0]
    means = torch.stack(means)
    assert weights.sum() == pytest.approx(1)
    error = float(means.std()) / len(means) ** 0.5
    assert float((weights * values).sum()) == pytest.approx(float(means.mean()), abs=5 * error + 1e-6)


def test_an_image_without_anything_has_finite_shares():
    assert not shares(torch.zeros(2, 5).bool(), torch.zeros(2, 5).bool(), 4, 0.5).any()
