import math

import pytest
import torch
from torch import nn

from runner.diagnostics.dead_units import DeadUnits, dead_share, saturated_share
from runner.diagnostics.observation.units import ACTIVATIONS, hidden_units, slopes
from tests.batches import batch_of

X = torch.linspace(-6, 6, 25).reshape(5, 5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_against_differences(activation):
    module, x, h = activation(), X.double() + 0.01, 1e-6
    module = module.double()
    with torch.no_grad():
        expected = (module(x + h) - module(x - h)) / (2 * h)
    torch.testing.assert_close(slopes(module, x), expected, rtol=1e-4, atol=1e-6)


def test_a_unit_is_dead_when_no_example_reaches_it():
    slope = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1e-4, 0.0], [-0.5, 0.0, 0.0]])
    assert dead_share(slope) == 0.5


def test_saturation_of_sigmoid_by_its_formula():
    # s(1 - s) < 0.05/4 beyond |x| = log((1 + r) / (1 - r)) with r = sqrt(1 - 0.05)
    r = math.sqrt(0.95)
    edge = math.log((1 + r) / (1 - r))
    x = torch.tensor([[-edge - 0.01, -edge + 0.01, 0.0, edge - 0.01, edge + 0.01]])
    assert saturated_share(slopes(nn.Sigmoid(), x), 0.25) == pytest.approx(2 / 5)


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.9), nn.Linear(4 * 16, 6), nn.Tanh()
    )


def test_units_are_channels_and_features_named_after_their_layer():
    model, x = convolutions(), torch.randn(7, 1, 4, 4)
    model.train()
    units = hidden_units(model, batch_of(torch.zeros(len(x)), x))
    assert {name: tuple(values.shape) for name, (_, values) in units.items()} == {"0": (4, 7 * 16), "4": (6, 7)}
    assert model.training and model[3].training
    assert not any(module._forward_hooks for module in model.modules())
    model.eval()
    torch.testing.assert_close(units["4"][1], model[:5](x).detach().T)


def test_planted_dead_channels_and_saturated_features(fit):
    model = convolutions()
    with torch.no_grad():
        model[0].bias[:3] = -100.0
        model[4].bias[:] = 50.0
    technique = DeadUnits()
    technique.setup(fit(model, torch.randn(16, 1, 4, 4), torch.zeros(16, dtype=torch.long)))
    scores = technique.on_interval(1)
    assert scores == {"dead_units/0": 0.75, "dead_units/4": 1.0, "saturated_units/4": 1.0}
    dead, flat = technique.advice()
    assert dead.startswith("layers 0, 4: up to 100% of units dead since epoch 1; try model.activation=leaky_relu")
    assert flat.startswith("layer 4: 100% of values saturated since epoch 1")
    with torch.no_grad():
        model[0].bias[:] = 0.0
        model[4].bias[:] = 0.0
    technique.on_interval(2)
    assert technique.advice() == []


def test_a_network_without_hidden_units_has_none(fit):
    technique = DeadUnits()
    technique.setup(fit(nn.Linear(3, 2), torch.randn(8, 3), torch.zeros(8, dtype=torch.long)))
    assert technique.on_interval(1) == {}


def test_relus_that_died_of_a_high_rate_are_named_in_a_run(go):
    result = go("optimizer.lr=1", "diagnostics=[dead_units]", "trainer.max_epochs=3")
    assert any("layer linear1: " in s and "of units dead since epoch" in s for s in result["advice"])
    assert go("diagnostics=[dead_units]", "trainer.max_epochs=3", folder="fine")["advice"] == []
