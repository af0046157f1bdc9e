"""Bins against scikit-learn."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.preprocessing import KBinsDiscretizer

from runner.engine.spec import Spec
from runner.features.binning import Binning

NAMES = ("a", "b", "flag")


@pytest.mark.parametrize("strategy", ["quantile", "uniform", "kmeans"])
@pytest.mark.parametrize("encoding", ["onehot", "ordinal"])
def test_bins_are_those_of_sklearn_and_two_values_stay(strategy, encoding):
    draw = np.random.default_rng(0)
    rows = np.stack([draw.normal(size=90), draw.integers(0, 4, 90), draw.integers(0, 2, 90)], 1).astype(np.float32)
    step = Binning(4, strategy, encoding)
    step.fit(torch.from_numpy(rows[:60]), torch.zeros(60), NAMES, Spec())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = KBinsDiscretizer(
            4, encode="onehot-dense" if encoding == "onehot" else "ordinal", strategy=strategy, subsample=None,
            quantile_method="averaged_inverted_cdf", random_state=0,
        ).fit(rows[:60, :2].astype(float))  # fmt: skip
    expected = np.hstack([other.transform(rows[:, :2].astype(float)), rows[:, 2:]])
    made = step(torch.from_numpy(rows))
    assert np.array_equal(made.numpy(), expected)
    assert len(step.names) == made.shape[1] and step.names[-1] == "flag"
    restored = Binning(4, strategy, encoding)
    restored.load_state_dict(step.state_dict())
    assert torch.equal(restored(torch.from_numpy(rows)), made)
    far = step(torch.tensor([[-1e9, -1e9, 0.0], [1e9, 1e9, 1.0]]))
    assert far.isfinite().all() and far.shape[1] == made.shape[1]
