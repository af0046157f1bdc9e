import numpy as np
import pytest
import torch

from runner.engine.spec import Field
from runner.run.observed import _scales


def test_features_that_never_vary_have_no_scale():
    draw = np.random.default_rng(0)
    columns = np.stack([np.full(40, 7.0), draw.normal(100, 2, 40), draw.normal(0, 0.1, 40)], 1)
    parts = torch.tensor(columns).split(15)
    found = _scales(parts, Field("table", (3,), names=("still", "far", "small")), -1)
    assert found["features"] == 3
    for end, number in (("largest", 1), ("smallest", 2)):
        assert found[end]["name"] == ("far", "small")[number - 1]
        assert found[end]["mean"] == pytest.approx(columns[:, number].mean())
        assert found[end]["sd"] == pytest.approx(columns[:, number].std())
    assert _scales([torch.ones(5, 2)], Field("table", (2,)), -1) == {"features": 2}
