"""Precision, recall and F1 of classes, labels and masks; what else is counted of labels and masks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, precision_score, recall_score
from torchmetrics.functional.classification import multiclass_jaccard_index

from runner.engine.metric import Scored
from runner.engine.spec import IGNORED, Field, Spec
from runner.metric.accuracy import Accuracy
from runner.metric.exact_match import ExactMatch
from runner.metric.f1 import F1
from runner.metric.hamming_accuracy import HammingAccuracy
from runner.metric.mean_iou import MeanIoU
from runner.metric.precision import Precision
from runner.metric.recall import Recall

from .examples import classes, columns, labels

THEIRS = {F1: f1_score, Precision: precision_score, Recall: recall_score}
averages = pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
metrics = pytest.mark.parametrize("metric", THEIRS)


def measure(metric, spec, targets, predictions, size):
    statistic = metric.statistic(spec)
    for t, p in zip(targets.split(size), predictions.split(size), strict=True):
        statistic.update(Scored(p, t))
    value = metric.compute(statistic.total)
    assert value.shape == ()
    return value.item()


@averages
@metrics
@settings(max_examples=30, deadline=None)
@given(labels, st.integers(1, 30))
def test_of_classes_as_scikit_learn(metric, average, example, size):
    count, pairs = example
    targets, predictions = columns(pairs)
    expected = THEIRS[metric](targets, predictions, average=average, zero_division=0)
    assert measure(metric(average), classes(count), targets, predictions, size) == pytest.approx(expected)


def several(seed, n, count):
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(count, generator=generator) * (torch.rand(count, generator=generator) > 0.3)
    targets = (torch.rand(n, count, generator=generator) < shares).float()
    return targets, (torch.rand(n, count, generator=generator) < shares.roll(1)).long()


several_labels = given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 6), st.integers(1, 25))


def labelled(count):
    return Spec("multilabel", None, Field("labels", (count,), count))


@averages
@metrics
@settings(max_examples=30, deadline=None)
@several_labels
def test_of_labels_as_scikit_learn_also_where_some_never_hold(metric, average, seed, n, count, size):
    targets, predictions = several(seed, n, count)
    value = measure(metric(average), labelled(count), targets, predictions, size)
    binary = THEIRS[metric]
    if average == "micro":  # all decisions, as of one label
        expected = binary(targets.flatten(), predictions.flatten(), zero_division=np.nan)
    else:
        kept = [c for c in range(count) if targets[:, c].sum() or predictions[:, c].sum()]
        each = [binary(targets[:, c], predictions[:, c], zero_division=0) for c in kept]
        weights = targets.sum(0)[kept] if average == "weighted" else torch.ones(len(kept))
        expected = (
            (torch.tensor(each, dtype=torch.float64) @ weights.double() / weights.sum()).item() if each else np.nan
        )
    assert value == pytest.approx(expected, nan_ok=True)


@settings(max_examples=40, deadline=None)
@several_labels
def test_exact_match_and_hamming_accuracy_are_scikit_learns(seed, n, count, size):
    targets, predictions = several(seed, n, count)
    exact = (targets == predictions).all(1).float().mean().item()
    if count > 1:
        assert exact == pytest.approx(accuracy_score(targets, predictions))
    assert measure(ExactMatch(), labelled(count), targets, predictions, size) == pytest.approx(exact)
    wrong = hamming_loss(targets, predictions)
    assert measure(HammingAccuracy(), labelled(count), targets, predictions, size) == pytest.approx(1 - wrong)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
def test_mean_iou_and_accuracy_of_masks_are_torchmetrics_and_leave_out_what_is_ignored(seed, n, size):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(4, (n, 5, 6), generator=generator)
    predictions = torch.randint(1, 5, (n, 5, 6), generator=generator)
    targets[torch.rand(n, 5, 6, generator=generator) < 0.2] = IGNORED
    spec = Spec("segmentation", None, Field("mask", (5, 6), 6))
    counted = targets != IGNORED
    expected = multiclass_jaccard_index(predictions[counted], targets[counted], 6, average="macro").item()
    assert measure(MeanIoU(), spec, targets, predictions, size) == pytest.approx(expected)
    share = (targets == predictions)[counted].float().mean().item()
    assert measure(Accuracy(), spec, targets, predictions, size) == pytest.approx(share)
