"""Metrics of probabilities: against scikit-learn and torchmetrics, in any grouping, kept and counted."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from torchmetrics.functional.classification import multiclass_calibration_error

from runner.engine.metric import Scored
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.metric.auroc import AUROC
from runner.metric.average_precision import AveragePrecision
from runner.metric.ece import ECE
from runner.metric.statistic.kept import LEVELS, KeptScores, level
from runner.metric.top_k import TopK


def classes(count):
    return Spec.classification((4,), count)


def labels(count):
    return Spec("multilabel", None, Field("labels", (count,), count))


def scored(p, targets, predictions=None):
    return Scored(p.argmax(1) if predictions is None else predictions, targets, p)


def measure(metric, spec, p, targets, sizes):
    statistic = metric.statistic(spec)
    for some, truth in zip(p.split(sizes), targets.split(sizes), strict=True):
        statistic.update(scored(some, truth))
    value = metric.compute(statistic.total)
    assert value.shape == ()
    return value.item()


def draw(seed, n, count, ties):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, count, generator=generator)
    logits = logits.round() if ties else logits  # many scores alike
    targets = torch.randint(count, (n,), generator=generator)
    logits[torch.arange(n), targets] += 1
    return logits, targets


examples = given(st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 6), st.booleans(), st.integers(1, 60))


def expected_mean(score, p, truth):
    """The mean over those columns for which scikit-learn has an answer."""
    each = [score(t, s) for t, s in zip(truth.T, p.T, strict=True) if 0 < t.sum() < len(t)]
    return sum(each) / len(each) if each else float("nan")


@settings(max_examples=60, deadline=None)
@examples
def test_auroc_is_scikit_learns_in_any_grouping(seed, n, count, ties, size):
    logits, targets = draw(seed, n, count, ties)
    p = logits.softmax(1)
    truth = torch.nn.functional.one_hot(targets, count)
    columns = slice(1, None) if count == 2 else slice(None)
    expected = expected_mean(roc_auc_score, p[:, columns].numpy(), truth[:, columns].numpy())
    assert measure(AUROC(), classes(count), p, targets, size) == pytest.approx(expected, nan_ok=True)


@settings(max_examples=60, deadline=None)
@examples
def test_average_precision_of_labels_is_scikit_learns_also_where_some_never_hold(seed, n, count, ties, size):
    logits, targets = draw(seed, n, count, ties)
    p, truth = logits.sigmoid(), (torch.nn.functional.one_hot(targets, count) * (targets % 2)[:, None]).float()
    each = [average_precision_score(t, s) for t, s in zip(truth.T.numpy(), p.T.numpy(), strict=True) if t.sum()]
    expected = sum(each) / len(each) if each else float("nan")
    assert measure(AveragePrecision(), labels(count), p, truth, size) == pytest.approx(expected, nan_ok=True)


def test_of_two_classes_the_second_is_asked_for():
    logits, targets = draw(0, 50, 2, False)
    p = logits.softmax(1)
    expected = average_precision_score(targets, p[:, 1])
    assert measure(AveragePrecision(), classes(2), p, targets, 7) == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("metric", [AUROC, AveragePrecision])
def test_beyond_the_limit_scores_are_counted_with_a_small_error_that_no_grouping_changes(metric, monkeypatch):
    logits, targets = draw(3, 4000, 5, False)
    p = (4 * logits).softmax(1)  # many near 0 and 1
    exact = measure(metric(), classes(5), p, targets, 4000)
    monkeypatch.setattr(KeptScores, "limit", 9000)
    counted = {measure(metric(), classes(5), p, targets, size) for size in (4000, 1000, 333, 1)}
    assert len(counted) == 1
    assert counted.pop() == pytest.approx(exact, abs=2e-3)
    statistic = KeptScores(classes(5))
    statistic.update(scored(p, targets))
    assert statistic.total.shape == (LEVELS, 2, 5) and statistic.total.dtype == torch.int64


def test_levels_rise_with_the_score_and_are_fine_at_both_ends():
    scores = torch.cat([torch.rand(100_000).double() ** 8, 1 - torch.rand(100_000).double() ** 8]).float()
    scores = torch.cat([scores, torch.tensor([0.0, 0.5, 1.0])]).sort().values
    found = level(scores)
    assert (found.diff() >= 0).all() and found[0] == 0 and found[-1] == LEVELS - 1
    near = torch.minimum(scores, 1 - scores)
    same = (found[1:] == found[:-1]) & (near[1:] > 1e-9)
    assert (scores.diff()[same] <= near[1:][same] / 31).all()


@settings(max_examples=40, deadline=None)
@examples
def test_ece_is_torchmetrics(seed, n, count, ties, size):
    logits, targets = draw(seed, n, count, ties)
    p = logits.softmax(1).clamp(max=0.9999)  # torchmetrics gives 1 a bin of its own
    expected = multiclass_calibration_error(p, targets, count, n_bins=15).item()
    assert measure(ECE(), classes(count), p, targets, size) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=40, deadline=None)
@examples
def test_top_k_is_the_share_among_the_k_most_probable(seed, n, count, ties, size):
    logits, targets = draw(seed, n, count, False)
    k = max(1, count - 1)
    expected = (logits.topk(k).indices == targets[:, None]).any(1).float().mean().item()
    assert measure(TopK(k), classes(count), logits.softmax(1), targets, size) == pytest.approx(expected)


def test_top_k_earns_nothing_by_knowing_nothing():
    p, targets = torch.full((100, 10), 0.1), torch.arange(100) % 10
    assert measure(TopK(3), classes(10), p, targets, 9) == pytest.approx(0.3)


def test_top_k_of_all_classes_is_refused():
    with pytest.raises(ConfigError, match=r"metric\.top_k\.k=3: with 3 classes"):
        TopK(3).statistic(classes(3))
