import pytest
import torch
from sklearn.metrics import mean_absolute_error

from runner.engine.spec import Spec
from runner.metric.mae import MAE

from .examples import measure


@pytest.mark.parametrize("targets", [1, 3])
def test_is_scikit_learns_in_original_units(targets):
    torch.manual_seed(0)
    true, predicted = torch.randn(2, 30, targets).unbind()
    spec = Spec.regression((4,), targets, (150.0,), (77.0,))
    expected = mean_absolute_error(true.double() * 77 + 150, predicted.double() * 77 + 150)
    assert measure(MAE, spec, true, predicted) == pytest.approx(expected)
