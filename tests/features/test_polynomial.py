"""Products of features against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import PolynomialFeatures

from runner.engine.spec import Spec
from runner.features.polynomial import Polynomial

NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("interaction_only", [False, True])
def test_products_are_those_of_sklearn_in_its_order(degree, interaction_only):
    rows = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    other = PolynomialFeatures(degree, interaction_only=interaction_only, include_bias=False).fit(rows)
    step = Polynomial(degree, interaction_only)
    step.fit(torch.from_numpy(rows), torch.zeros(9), NAMES, Spec())
    np.testing.assert_allclose(step(torch.from_numpy(rows)).numpy(), other.transform(rows), rtol=1e-6)
    restored = Polynomial(degree, interaction_only)
    restored.load_state_dict(step.state_dict())
    assert torch.equal(restored(torch.from_numpy(rows)), step(torch.from_numpy(rows)))
    if not interaction_only:
        assert [name.replace("^2", "").replace("^3", "") for name in other.get_feature_names_out(NAMES)] == [
            " ".join(dict.fromkeys(name.split())) for name in step.names
        ]
