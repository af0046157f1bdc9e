"""The interval of a difference is that of the closed form where there is one, and decides the verdict."""

import math

import numpy as np
import pytest
import torch

from runner.baseline.compare import Compared
from runner.baseline.interval import Difference, Judge, blocks_of
from runner.engine.spec import Field, Spec
from runner.engine.split import TensorSplit, WindowSplit
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.mse import MSE
from runner.metric.accuracy import Accuracy
from runner.metric.mae import MAE
from runner.task.classification import Classification
from runner.task.forecasting import Forecasting


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


def test_windows_are_in_blocks_with_those_that_share_their_steps():
    stream = torch.zeros(40, 1)
    found = blocks_of(WindowSplit(stream, 4, 2, 3))  # windows of 7 steps, one each 2: 17 of them, 4 begin in each
    assert [block.tolist() for block in found] == [[0, 1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
    starts = torch.tensor([*range(0, 8, 2), *range(14, 18, 2), *range(24, 34, 2)])  # three series
    several = blocks_of(WindowSplit(stream, 4, 2, 3, starts=starts))
    assert [block.tolist() for block in several] == [[0, 1, 2, 3], [4, 5], [6, 7, 8, 9, 10]]
    assert blocks_of(WindowSplit(stream, 4, 7, 3)) is None
    assert blocks_of(TensorSplit(stream, stream)) is None


def test_blocks_have_the_interval_of_dependent_errors():
    length, steps = 20, 3000
    spec = Spec("forecasting", Field("series", (length - 1, 1)), Field("values", (1, 1)), num_outputs=1)
    noise = torch.randn(steps, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = 5 + noise.unfold(0, length, 1).mean(1)  # of windows that share steps, so that their mean is that of steps
    targets = torch.zeros(len(errors), 1, 1)
    own, other = errors.float()[:, None], torch.full((len(errors), 1), 5.0)
    blocks = blocks_of(WindowSplit(noise.float()[:, None], length - 1, 1, 1))
    loss = MSE()
    halves = []
    for drawn in (blocks, None):
        found = Judge(Forecasting(spec, loss), loss, MAE(), targets, drawn).difference(own, [other])
        halves.append((found.high - found.low) / 2)
    assert halves[0] == pytest.approx(1.96 * noise.std().item() / math.sqrt(steps), rel=0.25)
    assert halves[1] < halves[0] / 3
    assert Judge(Forecasting(spec, loss), loss, MAE(), targets, blocks[:5]).difference(own, [other]) is None
