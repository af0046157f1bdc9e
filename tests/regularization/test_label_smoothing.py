import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.regularization.label_smoothing import LabelSmoothing, smooth_labels
from tests.batches import batch_of


@given(classes=st.integers(2, 12), epsilon=st.floats(0, 1), seed=st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_as_torchs_cross_entropy(classes, epsilon, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(9, classes, generator=generator)
    targets = torch.randint(classes, (9,), generator=generator)
    smooth = smooth_labels(targets, classes, epsilon)
    torch.testing.assert_close(smooth.sum(1), torch.ones(9))
    ours = F.cross_entropy(logits, smooth)
    torch.testing.assert_close(ours, F.cross_entropy(logits, targets, label_smoothing=epsilon))
    soft = F.softmax(torch.randn(9, classes, generator=generator), dim=1)
    ours = F.cross_entropy(logits, smooth_labels(soft, classes, epsilon))
    torch.testing.assert_close(ours, F.cross_entropy(logits, soft, label_smoothing=epsilon))


def test_figures():
    expected = torch.tensor([[0.025, 0.925, 0.025, 0.025]])
    torch.testing.assert_close(smooth_labels(torch.tensor([1]), 4, 0.1), expected)


def test_technique(fit):
    technique = LabelSmoothing()
    technique.setup(fit(spec=Spec.classification((5,), 3)))
    targets = torch.tensor([0, 2])
    torch.testing.assert_close(technique.on_batch(batch_of(targets)).targets, smooth_labels(targets, 3, 0.1))
    assert targets.tolist() == [0, 2]
    assert technique.soft_targets


def test_needs_classes(fit):
    with pytest.raises(ConfigError, match="expected classes"):
        LabelSmoothing().setup(fit(spec=Spec.regression((5,), 1)))
