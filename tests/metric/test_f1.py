import pytest
from hypothesis import given, settings
from sklearn.metrics import f1_score
from torchmetrics.functional.classification import multiclass_f1_score

from runner.metric.f1 import F1

from .examples import classes, columns, labels, measure


@settings(max_examples=100, deadline=None)
@given(labels)
def test_is_scikit_learns_and_torchmetrics_macro_average_also_with_missing_classes(example):
    count, pairs = example
    targets, predictions = columns(pairs)
    value = measure(F1, classes(count), targets, predictions)
    assert value == pytest.approx(f1_score(targets, predictions, average="macro", zero_division=0))
    assert value == pytest.approx(multiclass_f1_score(predictions, targets, count, average="macro").item())
