import pytest

from runner.errors import ConfigError
from runner.init.uniform import Uniform

from .networks import layers


def test_bounds_are_those_given_in_every_layer():
    net = layers()
    Uniform(a=-0.1, b=0.3)(net)
    for weight in (net["dense"].weight, net["conv"].weight):
        assert weight.min().item() == pytest.approx(-0.1, abs=1e-3)
        assert weight.max().item() == pytest.approx(0.3, abs=1e-3)
        assert weight.var().item() == pytest.approx(0.4**2 / 12, rel=0.02)


def test_bounds_the_wrong_way_round_are_refused():
    with pytest.raises(ConfigError, match=r"init\.a=1.0 is above init\.b=0.0"):
        Uniform(a=1.0, b=0.0)
