import pytest
import torch
from sklearn.metrics import root_mean_squared_error

from runner.engine.spec import Spec
from runner.metric.rmse import RMSE

from .examples import measure


@pytest.mark.parametrize("targets", [1, 3])
def test_is_scikit_learns_in_original_units(targets):
    torch.manual_seed(0)
    true, predicted = torch.randn(2, 30, targets).unbind()
    spec = Spec.regression((4,), targets, (150.0,), (77.0,))
    expected = root_mean_squared_error(true.double() * 77 + 150, predicted.double() * 77 + 150)
    assert measure(RMSE, spec, true, predicted) == pytest.approx(expected)


def test_many_small_errors_are_not_lost_behind_large_ones():
    # In float32 the sum of squares stands still at 2**24 while ones are added to it.
    spec = Spec.regression((4,), 1)
    error = torch.ones(20_000, 1)
    error[0] = 2.0**14
    expected = ((2.0**28 + 19_999) / 20_000) ** 0.5
    assert measure(RMSE, spec, torch.zeros_like(error), error, batch=1) == pytest.approx(expected, rel=1e-9)
