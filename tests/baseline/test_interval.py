"""The interval of a difference is that of the closed form where there is one, and decides the verdict."""

import math

import numpy as np
import pytest
import torch

from runner.baseline.compare import Compared
from runner.baseline.interval import Difference, Judge
from runner.engine.spec import Field, Spec
from runner.loss.cross_entropy import CrossEntropy
from runner.metric.accuracy import Accuracy
from runner.task.classification import Classification


def judge(targets, metric=None):
    spec = Spec("classification", Field("table", (1,)), Field("class", (), 2, ("no", "yes")), num_outputs=2)
    loss = CrossEntropy(spec)
    return Judge(Classification(spec, loss), loss, metric, targets)


def saying(answers):
    """Outputs that name these classes."""
    return torch.nn.functional.one_hot(answers, 2).float() * 4


def test_accuracy_has_the_interval_of_the_mean_of_differences():
    draw = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (400,), generator=draw)
    own = torch.where(torch.rand(400, generator=draw) < 0.9, targets, 1 - targets)
    other = torch.where(torch.rand(400, generator=draw) < 0.8, targets, 1 - targets)
    found = judge(targets, Accuracy()).difference(saying(own), [saying(other)])
    each = ((own == targets).double() - (other == targets).double()).numpy()
    half = 1.96 * each.std() / math.sqrt(400)
    assert found.estimate == pytest.approx(each.mean(), abs=1e-6)
    assert found.low == pytest.approx(each.mean() - half, abs=0.12 * half)
    assert found.high == pytest.approx(each.mean() + half, abs=0.12 * half)


def test_the_loss_and_the_mean_over_fits():
    draw = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (200,), generator=draw)
    own, one, two = (torch.randn(200, 2, generator=draw) for _ in range(3))
    found = judge(targets).difference(own, [one, two])
    losses = [torch.nn.functional.cross_entropy(o, targets, reduction="none").double() for o in (own, one, two)]
    each = (losses[0] - (losses[1] + losses[2]) / 2).numpy()
    half = 1.96 * each.std() / math.sqrt(200)
    assert found.estimate == pytest.approx(each.mean(), abs=1e-5)
    assert (found.low, found.high) == pytest.approx((each.mean() - half, each.mean() + half), abs=0.15 * half)


def test_one_example_has_none():
    assert (
        judge(torch.tensor([1]), Accuracy()).difference(saying(torch.tensor([1])), [saying(torch.tensor([0]))]) is None
    )


@pytest.mark.parametrize(
    ("larger", "difference", "said"),
    [
        (True, Difference(0.1, 0.02, 0.2), "the run beats linear: f1 0.9 and 0.8 (+0.1, 95% interval +0.02 to +0.2)"),
        (False, Difference(0.1, 0.02, 0.2), "the run LOSES TO linear"),
        (True, Difference(0.1, -0.02, 0.2), "the run is not shown to differ from linear"),
        (True, None, "the run beats linear: f1 0.9 and 0.8 (too few examples for an interval)"),
    ],
)
def test_what_is_said_follows_from_the_interval(larger, difference, said):
    scores = {"test": {"run": [{"f1": 0.9}], "linear": [{"f1": 0.8}]}}
    (sentence,) = Compared(scores, {"test": 9}, "f1", larger, "run", {"linear": difference}).verdicts()
    assert said in sentence


def test_equal_models_are_not_shown_to_differ():
    answers = torch.from_numpy(np.random.default_rng(0).integers(2, size=50))
    found = judge(1 - answers, Accuracy()).difference(saying(answers), [saying(answers)])
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
