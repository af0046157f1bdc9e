import math

import pytest
import torch
from torch import nn

from runner.init.auto import Auto
from runner.init.he_normal import HeNormal
from runner.init.lecun_normal import LecunNormal
from runner.init.xavier_normal import XavierNormal

from .networks import layers, variances


@pytest.mark.parametrize(
    ("activation", "same"),
    [
        ("relu", HeNormal()),
        ("leaky_relu", HeNormal()),
        ("gelu", HeNormal()),
        ("silu", HeNormal()),
        ("selu", LecunNormal()),
        ("identity", LecunNormal()),
        ("tanh", XavierNormal(gain=5 / 3)),
        ("sigmoid", XavierNormal()),
        ("softmax", XavierNormal()),
    ],
)
def test_draws_as_the_initialization_of_that_activation(activation, same):
    drawn = []
    for init in (Auto(), same):
        net = layers(activation)
        torch.manual_seed(3)
        init(net)
        drawn.append(net.state_dict())
    for name, tensor in drawn[0].items():
        torch.testing.assert_close(tensor, drawn[1][name], msg=name)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "prelu", "selu", "tanh", "sigmoid", "identity"])
def test_variance_survives_20_layers(activation):
    seen = variances(activation, Auto())
    assert 0.5 < min(seen) <= max(seen) < 2


def test_slope_of_the_networks_own_leaky_relu_counts():
    net = layers("leaky_relu")
    net["activation1"] = nn.LeakyReLU(0.5)
    Auto()(net)
    assert net["dense"].weight.var().item() == pytest.approx(2 / (1 + 0.25) / 1500, rel=0.02)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_gates(kind):
    torch.manual_seed(0)
    net = nn.Sequential(kind(300, 200, num_layers=2, bidirectional=True))
    Auto()(net)
    for name, parameter in net[0].named_parameters():
        if "bias" in name:
            assert parameter.count_nonzero() == 0
            continue
        for gate in parameter.detach().split(200):
            if "hh" in name:
                torch.testing.assert_close(gate @ gate.T, torch.eye(200), atol=1e-5, rtol=0)
            else:
                assert gate.var().item() == pytest.approx(2 / (gate.shape[1] + 200), rel=0.05)


def test_transformers_are_drawn_truncated():
    torch.manual_seed(0)
    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(256, 4, 1024), 3, enable_nested_tensor=False)
    Auto()(net)
    spread = 0.02 * 0.8796  # of a normal distribution that is cut at 2 σ
    for layer in net.layers:
        assert layer.linear1.weight.std().item() == pytest.approx(spread, rel=0.02)
        assert layer.self_attn.in_proj_weight.std().item() == pytest.approx(spread, rel=0.02)
        for end in (layer.linear2, layer.self_attn.out_proj):
            assert end.weight.std().item() == pytest.approx(spread / math.sqrt(6), rel=0.02)
        assert layer.self_attn.in_proj_bias.count_nonzero() == 0
        assert layer.linear1.bias.count_nonzero() == 0
        assert (layer.norm1.weight == 1).all()
