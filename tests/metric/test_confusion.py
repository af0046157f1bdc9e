import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from runner.engine.metric import Scored
from runner.metric.statistic.confusion import ConfusionMatrix

from .examples import classes, columns, labels


@settings(max_examples=50, deadline=None)
@given(labels, st.integers(1, 8))
def test_batches_add_up_to_scikit_learns_matrix(example, batch):
    count, pairs = example
    targets, predictions = columns(pairs)
    statistic = ConfusionMatrix(classes(count))
    for t, p in zip(targets.split(batch), predictions.split(batch), strict=True):
        statistic.update(Scored(p, t))
    assert statistic.total.dtype == torch.int64
    expected = confusion_matrix(targets, predictions, labels=range(count))
    np.testing.assert_array_equal(statistic.total, expected)


def test_no_examples_count_nothing():
    none = torch.zeros(0, dtype=torch.int64)
    assert ConfusionMatrix(classes(3)).summarize(Scored(none, none)).tolist() == [[0] * 3] * 3


def test_two_classes_told_apart_by_one_logit_still_have_two():
    spec = classes(2).with_outputs(1)
    total = ConfusionMatrix(spec).summarize(Scored(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])))
    assert total.tolist() == [[1, 1], [0, 1]]
