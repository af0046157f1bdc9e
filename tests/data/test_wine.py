import numpy as np
import torch
from sklearn.datasets import load_wine

from runner.data.wine import Wine
from runner.engine.spec import Field, Spec


def test_holds_what_sklearn_loads():
    splits = Wine(scaling="none").load()
    parts = (splits.train, splits.val, splits.test)
    inputs, labels = (torch.cat([getattr(part, name) for part in parts]).numpy() for name in ("inputs", "targets"))
    reference = load_wine()
    rows = np.concatenate([inputs, labels[:, None]], axis=1)
    expected = np.concatenate([reference.data.astype(np.float32), reference.target[:, None]], axis=1)
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert splits.spec.class_names == tuple(reference.target_names)
    assert splits.spec.feature_names == tuple(name for name in reference.feature_names)
    assert splits.spec.input_shape == (reference.data.shape[1],)


def test_training_features_are_standardized():
    splits = Wine().load()
    train = splits.train.inputs
    assert torch.allclose(train.mean(dim=0), torch.zeros(train.shape[1]), atol=1e-5)
    assert torch.allclose(train.std(dim=0, correction=0), torch.ones(train.shape[1]), atol=1e-5)
    assert Wine().probe() == Spec("classification", Field("table"), Field("class", (), splits.spec.num_classes))
