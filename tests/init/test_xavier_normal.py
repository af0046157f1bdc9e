import pytest

from runner.init.xavier_normal import XavierNormal

from .networks import layers, variances


@pytest.mark.parametrize(("gain", "activation", "factor"), [(1.0, "tanh", 1), (None, "tanh", 5 / 3), (2.0, "relu", 2)])
def test_variance_is_two_over_the_sum_of_fans(gain, activation, factor):
    net = layers(activation)
    XavierNormal(gain)(net)
    assert net["dense"].weight.var().item() == pytest.approx(factor**2 * 2 / (1500 + 1000), rel=0.02)
    assert net["conv"].weight.var().item() == pytest.approx(factor**2 * 2 / (25 * (96 + 64)), rel=0.02)


def test_variance_survives_20_layers_of_tanh_with_its_gain_and_fades_without():
    seen = variances("tanh", XavierNormal(gain=None))
    assert 0.5 < min(seen) <= max(seen) < 2
    assert variances("tanh", XavierNormal(gain=1.0))[-1] < 0.1
