"""Which features are kept, against scikit-learn and where it is known."""

import numpy as np
import pytest
import torch
from sklearn.feature_selection import SelectKBest, mutual_info_classif, mutual_info_regression

from runner.engine.spec import Spec
from runner.features.select import Select

NAMES = tuple("abcdef")


def rows():
    draw = np.random.default_rng(0)
    made = draw.normal(size=(120, 6)).astype(np.float32)
    made[:, 4] = made[:, 4] > 0
    return made


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("k", [1, 3, 9])
def test_the_best_are_those_of_sklearn_in_their_order(task, k):
    x = rows()
    signal = x[:, 1] + 2 * x[:, 3] + x[:, 4]
    y = (signal > 0.5).astype(int) if task == "classification" else signal
    step = Select(k)
    targets = torch.from_numpy(y) if task == "classification" else torch.from_numpy(y)[:, None]
    step.fit(torch.from_numpy(x), targets, NAMES, Spec(task))
    function = mutual_info_classif if task == "classification" else mutual_info_regression
    scores = lambda x, y: function(x, y, discrete_features=[4], random_state=0)  # noqa: E731
    kept = SelectKBest(scores, k=min(k, 6)).fit(x.astype(float), y).get_support()
    assert step.names == tuple(name for name, yes in zip(NAMES, kept, strict=True) if yes)
    assert np.array_equal(step(torch.from_numpy(x)).numpy(), x[:, kept])
    restored = Select(k)
    restored.load_state_dict(step.state_dict())
    assert torch.equal(restored(torch.from_numpy(x)), step(torch.from_numpy(x)))


def test_of_several_targets_what_tells_most_of_all_of_them_is_kept():
    x = torch.from_numpy(rows())
    step = Select(2)
    step.fit(x, torch.stack([x[:, 0] ** 2, x[:, 5] * 3], 1), NAMES, Spec("regression"))
    assert step.names == ("a", "f")
