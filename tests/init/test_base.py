import pytest
import torch
from torch import nn

from runner.init.base import fans, gain_in
from runner.init.he_normal import HeNormal
from runner.init.he_uniform import HeUniform
from runner.init.normal import Normal
from runner.init.orthogonal import Orthogonal
from runner.init.uniform import Uniform
from runner.init.xavier_normal import XavierNormal
from runner.init.xavier_uniform import XavierUniform
from runner.init.zeros import Zeros

from .networks import layers

EVERY = [HeNormal, HeUniform, XavierNormal, XavierUniform, Normal, Uniform, Orthogonal, Zeros]


@pytest.mark.parametrize("init", EVERY)
def test_biases_are_zero_and_norms_untouched(init):
    net = layers()
    before = {name: p.clone() for name, p in net.named_parameters()}
    init()(net)
    for name, parameter in net.named_parameters():
        if name.startswith("norm"):
            assert torch.equal(parameter, before[name])
        elif name.endswith("bias"):
            assert parameter.count_nonzero() == 0
        else:
            assert not torch.equal(parameter, before[name])
        assert parameter.requires_grad


@pytest.mark.parametrize("init", EVERY)
def test_draws_follow_the_seeded_generator(init):
    drawn = []
    for seed in (1, 1, 2):
        net = layers()
        torch.manual_seed(seed)
        init()(net)
        drawn.append(net["dense"].weight.detach())
    assert torch.equal(drawn[0], drawn[1])
    assert init is Zeros or not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(
    ("activation", "nonlinearity", "slope"),
    [
        ("relu", "relu", None),
        ("leaky_relu", "leaky_relu", 0.01),
        ("prelu", "leaky_relu", nn.PReLU().weight.item()),
        ("tanh", "tanh", None),
        ("sigmoid", "sigmoid", None),
        ("identity", "linear", None),
        ("selu", "linear", None),
        *((name, "relu", None) for name in ("elu", "gelu", "silu", "swish", "mish", "softplus", "hardswish")),
    ],
)
def test_gains_are_torchs_for_the_same_function_or_its_like(activation, nonlinearity, slope):
    net = layers(activation)
    assert gain_in(net) == pytest.approx(nn.init.calculate_gain(nonlinearity, slope))


@pytest.mark.parametrize("module", [nn.Linear(6, 4), nn.Conv2d(6, 4, (3, 5)), nn.Conv2d(6, 4, 3, groups=2)])
def test_fans_are_torchs(module):
    assert fans(module.weight) == nn.init._calculate_fan_in_and_fan_out(module.weight)
