import pytest
from hypothesis import given, settings
from sklearn.metrics import accuracy_score

from runner.metric.accuracy import Accuracy

from .examples import classes, columns, labels, measure


@settings(max_examples=50, deadline=None)
@given(labels)
def test_is_scikit_learns(example):
    count, pairs = example
    targets, predictions = columns(pairs)
    assert measure(Accuracy, classes(count), targets, predictions) == pytest.approx(
        accuracy_score(targets, predictions)
    )
