import inspect

import pytest

from runner.engine.technique import Technique, listeners
from runner.regularization.dropout import Dropout
from runner.regularization.spatial_dropout import SpatialDropout
from runner.regularization.stochastic_depth import StochasticDepth

EVENTS = [name for name, _ in inspect.getmembers(Technique, inspect.isfunction) if name not in ("setup", "state_dict")]


@pytest.mark.parametrize(
    ("technique", "argument"),
    [(Dropout(0.3), "dropout"), (SpatialDropout(0.3), "spatial_dropout"), (StochasticDepth(0.3), "stochastic_depth")],
)
def test_sets_the_models_argument_and_hears_nothing(technique, argument):
    assert {key: getattr(technique, own) for key, own in technique.model_arguments.items()} == {argument: 0.3}
    assert not any(listeners([technique], event) for event in EVENTS)
