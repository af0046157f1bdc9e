import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes

from runner.data.diabetes import Diabetes
from runner.engine.spec import Field, Spec


def test_holds_what_sklearn_loads_unscaled():
    splits = Diabetes(scaling="none", target_scaling="none").load()
    parts = (splits.train, splits.val, splits.test)
    inputs, targets = (torch.cat([getattr(part, name) for part in parts]).numpy() for name in ("inputs", "targets"))
    reference = load_diabetes(scaled=False)
    rows = np.concatenate([inputs, targets], axis=1)
    expected = np.concatenate([reference.data, reference.target[:, None]], axis=1).astype(np.float32)
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert splits.spec.feature_names == tuple(reference.feature_names)
    assert (splits.spec.targets.mean, splits.spec.targets.std) == ((0.0,), (1.0,))
    assert Diabetes().probe() == Spec("regression", Field("table"), Field("values"))


def test_targets_are_standardized_by_the_training_part_and_can_be_brought_back():
    scaled, raw = Diabetes().load(), Diabetes(target_scaling="none").load()
    assert scaled.train.targets.shape == (310, 1)
    assert scaled.train.targets.mean().item() == pytest.approx(0, abs=1e-5)
    assert scaled.train.targets.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    for part in ("train", "val", "test"):
        (mean,), (std,) = scaled.spec.targets.mean, scaled.spec.targets.std
        back = scaled.parts[part].targets * std + mean
        assert torch.allclose(back, raw.parts[part].targets, atol=1e-3)
