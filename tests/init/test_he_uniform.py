import math

import pytest
import torch
from torch import nn

from runner.init.he_uniform import HeUniform

from .networks import layers


@pytest.mark.parametrize(("mode", "dense", "conv"), [("fan_in", 1500, 96 * 25), ("fan_out", 1000, 64 * 25)])
def test_variance_and_bounds(mode, dense, conv):
    net = layers()
    HeUniform(mode)(net)
    for weight, fan in ((net["dense"].weight, dense), (net["conv"].weight, conv)):
        assert weight.var().item() == pytest.approx(2 / fan, rel=0.02)
        assert weight.abs().max().item() == pytest.approx(math.sqrt(6 / fan), rel=1e-3)


def test_weights_are_torchs_own():
    net = layers("tanh")
    torch.manual_seed(3)
    HeUniform()(net)
    theirs = torch.empty(1000, 1500)
    torch.manual_seed(3)
    nn.init.kaiming_uniform_(theirs, nonlinearity="tanh")
    torch.testing.assert_close(net["dense"].weight.detach(), theirs)
