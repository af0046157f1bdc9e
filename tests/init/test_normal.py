import pytest

from runner.init.normal import Normal

from .networks import layers


def test_mean_and_deviation_are_those_given_in_every_layer():
    net = layers()
    Normal(mean=0.5, std=0.2)(net)
    for weight in (net["dense"].weight, net["conv"].weight):
        assert weight.mean().item() == pytest.approx(0.5, abs=0.002)
        assert weight.var().item() == pytest.approx(0.04, rel=0.02)
