"""Principal components against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn import decomposition

from runner.engine.spec import Spec
from runner.errors import RunFailed
from runner.features.pca import PCA

NAMES = tuple("abcdef")


@pytest.mark.parametrize("components", [1, 3, 0.8])
@pytest.mark.parametrize("whiten", [False, True])
def test_components_are_those_of_sklearn(components, whiten):
    draw = np.random.default_rng(0)
    rows = (draw.normal(size=(50, 6)) @ draw.normal(size=(6, 6)) + 3).astype(np.float32)
    step = PCA(components, whiten)
    step.fit(torch.from_numpy(rows[:30]), torch.zeros(30), NAMES, Spec())
    other = decomposition.PCA(components, whiten=whiten, svd_solver="full").fit(rows[:30].astype(float))
    made = step(torch.from_numpy(rows))
    assert np.allclose(made, other.transform(rows.astype(float)), atol=1e-5)
    assert step.names == tuple(f"component {k + 1}" for k in range(other.n_components_))
    restored = PCA(components, whiten)
    restored.load_state_dict(step.state_dict())
    assert torch.equal(restored(torch.from_numpy(rows)), made)


def test_more_components_than_features_are_refused():
    with pytest.raises(RunFailed, match=r"features.pca.components=9: 30 training rows of 6 features have at most 6"):
        PCA(9).fit(torch.randn(30, 6), torch.zeros(30), NAMES, Spec())
