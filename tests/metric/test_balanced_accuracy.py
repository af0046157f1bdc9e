import warnings

import pytest
from hypothesis import given, settings
from sklearn.metrics import balanced_accuracy_score

from runner.metric.balanced_accuracy import BalancedAccuracy

from .examples import classes, columns, labels, measure


@settings(max_examples=100, deadline=None)
@given(labels)
def test_is_scikit_learns_also_with_missing_classes(example):
    count, pairs = example
    targets, predictions = columns(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes that do not occur
        expected = balanced_accuracy_score(targets, predictions)
    assert measure(BalancedAccuracy, classes(count), targets, predictions) == pytest.approx(expected)
