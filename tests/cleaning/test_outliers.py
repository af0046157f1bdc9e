"""The rows of scikit-learn's own detectors are left out, of the training part only."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from runner.cleaning.outliers import Outliers
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.engine.split import TensorSplit


def planted():
    rows = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    rows[[7, 100]] = torch.tensor([[9.0, -9, 9, -9], [30.0, 0, 0, 0]])
    val = torch.full((3, 4), 50.0)
    parts = {"train": TensorSplit(rows, torch.zeros(300, 1)), "val": TensorSplit(val, torch.zeros(3, 1))}
    return Data(Spec.regression((4,)), parts, "")


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        ("isolation_forest", IsolationForest(contamination=0.02, random_state=5)),
        ("local_outlier_factor", LocalOutlierFactor(contamination=0.02)),
    ],
)
def test_rows_are_those_of_sklearn(method, theirs):
    data = planted()
    expected = np.flatnonzero(theirs.fit_predict(data.train.inputs.numpy()) == -1)
    found = Outliers(method, 0.02).find(data, 2**32 + 5).rows
    assert list(found) == ["train"] and np.array_equal(found["train"].numpy(), expected)
    assert {7, 100} <= set(expected.tolist())
    cleaned = Outliers(method, 0.02)(data, 2**32 + 5)
    assert cleaned.sizes == {"train": 294, "val": 3}
    assert cleaned.notes == ("6 examples of train left out: unlike the others",)


@pytest.mark.parametrize("method", ["isolation_forest", "local_outlier_factor"])
@pytest.mark.parametrize("examples", [1, 2, 6])
def test_a_few_examples(method, examples, recwarn):
    parts = {"train": TensorSplit(planted().train.inputs[:examples], torch.zeros(examples, 1))}
    found = Outliers(method, 0.2).find(Data(Spec.regression((4,)), parts, ""), 0).rows["train"]
    assert len(found) <= 1 and not len(recwarn)


def test_large_images_are_made_small_first():
    images = torch.rand(40, 1, 64, 64, generator=torch.Generator().manual_seed(0)) / 10
    images[9] = 1
    parts = {"train": TensorSplit(images, torch.arange(40) % 2)}
    data = Data(Spec.classification((1, 64, 64), 2, counts=(20, 20)), parts, "")
    cleaned = Outliers(contamination=0.025)(data, 0)
    assert cleaned.train.rows.tolist() == [row for row in range(40) if row != 9]
    assert cleaned.spec.class_counts == (20, 19)
