import math

import pytest
import torch
from torch import nn

from runner.init.he_normal import HeNormal
from runner.init.xavier_normal import XavierNormal

from .networks import layers, variances


@pytest.mark.parametrize(("mode", "dense", "conv"), [("fan_in", 1500, 96 * 25), ("fan_out", 1000, 64 * 25)])
@pytest.mark.parametrize(("activation", "gain"), [("relu", math.sqrt(2)), ("tanh", 5 / 3), ("identity", 1.0)])
def test_variance_is_gain_squared_over_fan(mode, dense, conv, activation, gain):
    net = layers(activation)
    HeNormal(mode)(net)
    assert net["dense"].weight.var().item() == pytest.approx(gain**2 / dense, rel=0.02)
    assert net["conv"].weight.var().item() == pytest.approx(gain**2 / conv, rel=0.02)


def test_weights_are_normal_and_torchs_own():
    net = layers()
    torch.manual_seed(3)
    HeNormal()(net)
    theirs = torch.empty(1000, 1500)
    torch.manual_seed(3)
    nn.init.kaiming_normal_(theirs, nonlinearity="relu")
    torch.testing.assert_close(net["dense"].weight.detach(), theirs)


def test_a_given_gain_wins():
    net = layers("relu")
    HeNormal(gain=3.0)(net)
    assert net["dense"].weight.var().item() == pytest.approx(9 / 1500, rel=0.02)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "prelu", "selu", "tanh", "identity"])
def test_variance_survives_20_layers(activation):
    seen = variances(activation, HeNormal())
    assert 0.5 < min(seen) <= max(seen) < 2


@pytest.mark.parametrize("init", [XavierNormal(), HeNormal(gain=1.0)])
def test_variance_of_relu_collapses_with_the_wrong_gain(init):
    assert variances("relu", init)[-1] < 1e-4
