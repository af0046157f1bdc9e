import pytest
import torch
from sklearn.metrics import r2_score
from torchmetrics.functional import r2_score as torchmetrics_r2

from runner.engine.spec import Spec
from runner.metric.r2 import R2

from .examples import measure


def spec(targets=1, std=1.0):
    return Spec.regression((4,), targets, (5.0,), (std,))


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_is_scikit_learns_and_torchmetrics(targets, noise):
    torch.manual_seed(0)
    true = torch.randn(30, targets)
    predicted = true + noise * torch.randn(30, targets)
    value = measure(R2, spec(targets, std=40.0), true, predicted)
    assert value == pytest.approx(r2_score(true.double(), predicted.double()))
    assert value == pytest.approx(torchmetrics_r2(predicted, true).item(), rel=1e-4)


def test_digits_survive_a_far_away_mean():
    # Targets such as years or prices: in float32 sums of squares nothing but rounding would be left.
    torch.manual_seed(0)
    true = 10_000 + torch.randn(5000, 1)
    predicted = true + 0.5 * torch.randn(5000, 1)
    assert measure(R2, spec(), true, predicted, batch=64) == pytest.approx(
        r2_score(true.double(), predicted.double()), rel=1e-6
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.3])
def test_constant_targets_give_0_or_1_as_in_scikit_learn(value):
    true = torch.full((11, 1), value)
    for predicted in (true, true + 1):
        assert measure(R2, spec(std=0.3), true, predicted) == r2_score(true.double(), predicted.double())


def test_predicting_the_mean_gives_0():
    true = torch.randn(100, 1)
    assert measure(R2, spec(), true, true.mean().expand(100, 1)) == pytest.approx(0, abs=1e-6)
