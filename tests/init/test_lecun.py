import pytest

from runner.init.lecun_normal import LecunNormal
from runner.init.lecun_uniform import LecunUniform

from .networks import layers, variances


@pytest.mark.parametrize("init", [LecunNormal(), LecunUniform()])
@pytest.mark.parametrize("activation", ["relu", "selu"])
def test_variance_is_one_over_fan_in_whatever_the_activation(init, activation):
    net = layers(activation)
    init(net)
    assert net["dense"].weight.var().item() == pytest.approx(1 / 1500, rel=0.02)
    assert net["conv"].weight.var().item() == pytest.approx(1 / (96 * 25), rel=0.02)


def test_uniform_weights_stay_within_their_bound():
    net = layers()
    LecunUniform()(net)
    bound = (3 / 1500) ** 0.5
    assert 0.999 * bound < net["dense"].weight.abs().max().item() <= bound


def test_variance_survives_20_layers_of_selu_and_collapses_with_relu():
    seen = variances("selu", LecunNormal())
    assert 0.5 < min(seen) <= max(seen) < 2
    assert variances("relu", LecunNormal())[-1] < 1e-4
