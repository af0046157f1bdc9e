import math

import pytest

from runner.init.xavier_uniform import XavierUniform

from .networks import layers


@pytest.mark.parametrize(("gain", "factor"), [(1.0, 1.0), (None, 5 / 3)])
def test_variance_and_bounds(gain, factor):
    net = layers("tanh")
    XavierUniform(gain)(net)
    for weight, fans in ((net["dense"].weight, 1500 + 1000), (net["conv"].weight, 25 * (96 + 64))):
        assert weight.var().item() == pytest.approx(factor**2 * 2 / fans, rel=0.02)
        assert weight.abs().max().item() == pytest.approx(factor * math.sqrt(6 / fans), rel=1e-3)
