from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from runner.model.base import Chain
from runner.model.layers.activation import ACTIVATIONS, Activation, activation_layer
from runner.model.layers.dropout import dropout_layer, drops, spatial_dropout_layer, stochastic_depth
from runner.model.layers.normalization import DenseNorm, Norm, RMSNorm2d, dense_norm, image_norm, needs_bias, num_groups


def test_every_activation_is_the_function_of_its_name():
    assert set(ACTIVATIONS) == set(get_args(Activation))
    z = torch.linspace(-5, 5, 120).view(2, 3, 4, 5)
    special = {
        "identity": lambda x: x,
        "swish": lambda x: x / (1 + (-x).exp()),
        "prelu": lambda x: torch.where(x > 0, x, x / 4),
        "softmax": lambda x: x.exp() / x.exp().sum(1, keepdim=True),
    }
    for name, function in ACTIVATIONS.items():
        torch.testing.assert_close(function.build()(z), special.get(name, getattr(F, name, None))(z))


def test_silu_has_its_published_minimum_and_leaky_relu_its_slope():
    z = torch.linspace(-5, 5, 100_001)
    assert ACTIVATIONS["silu"].build()(z).min().item() == pytest.approx(-0.278, abs=5e-4)
    assert ACTIVATIONS["leaky_relu"].build()(torch.tensor(-1.0)).item() == pytest.approx(-0.01)


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.3])
def test_slope_of_leaky_relu_and_of_no_other(slope):
    layer = activation_layer("leaky_relu", slope)
    assert layer(torch.tensor([-2.0, 3.0])).tolist() == pytest.approx([-2 * slope, 3.0])
    for name in set(get_args(Activation)) - {"leaky_relu"}:
        x = torch.randn(2, 3)
        assert torch.equal(activation_layer(name, slope)(x), ACTIVATIONS[name].build()(x))


def test_stochastic_depth_is_torchvisions():
    ops = pytest.importorskip("torchvision.ops")
    x, ours, theirs = torch.randn(64, 3, 2, 2), stochastic_depth(0.3), ops.StochasticDepth(0.3, "row")
    drawn = []
    for layer in (ours, theirs):
        torch.manual_seed(1)
        drawn.append(layer(x))
    assert torch.equal(*drawn)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Dropout(0.1), True),
        (nn.Dropout2d(0.0), False),
        (stochastic_depth(0.1), True),
        (nn.GRU(2, 2, 2, dropout=0.1), True),
        (nn.LSTM(2, 2), False),
        (nn.MultiheadAttention(2, 1, dropout=0.1), True),
        (nn.LPPool2d(2, 2), False),
        (nn.Linear(2, 2), False),
    ],
)
def test_layers_that_leave_something_out_are_known(layer, expected):
    assert drops(layer) == expected


@pytest.mark.parametrize("build", [dropout_layer, spatial_dropout_layer, stochastic_depth])
def test_random_layers_keep_the_expectation_and_do_nothing_in_evaluation(build):
    torch.manual_seed(0)
    layer, x = build(0.3), torch.ones(2000, 4, 3, 3)
    y = layer(x)
    whole = {dropout_layer: y[..., None], spatial_dropout_layer: y.flatten(2), stochastic_depth: y.flatten(1)}[build]
    kept = (whole > 0).all(-1)
    assert torch.equal(kept, (whole > 0).any(-1))  # all or nothing: a value, a channel, or an example's branch
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.02)
    assert y.max().item() == pytest.approx(1 / 0.7)
    assert y.mean().item() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(layer.eval()(x), x)
    assert isinstance(build(0.0), nn.Identity)


# The axes over which each normalization makes mean 0 and variance 1 (rms: mean square 1).
IMAGE_AXES = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3), "rms": (1, 2, 3)}
DENSE_AXES = {"batch": (0,), "layer": (1,), "rms": (1,)}


@pytest.mark.parametrize(
    ("norm", "x", "axes"),
    [(image_norm(n, 32), torch.randn(5, 32, 6, 7), IMAGE_AXES[n]) for n in IMAGE_AXES]
    + [(dense_norm(n, 32), torch.randn(9, 32), DENSE_AXES[n]) for n in DENSE_AXES],
)
def test_normalizations_follow_their_formula(norm, x, axes):
    x = 3 * x + torch.rand_like(x)
    if "RMS" in type(norm).__name__:
        expected = x / (x.square().mean(axes, keepdim=True) + 1e-5).sqrt()
    else:
        centred = x - x.mean(axes, keepdim=True)
        expected = centred / (centred.square().mean(axes, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("x", [torch.randn(3, 48), torch.randn(3, 48, 5, 5)])
def test_group_norm_takes_groups_of_16_channels(x):
    norm = dense_norm("group", 48) if x.ndim == 2 else image_norm("group", 48)
    groups = x.view(3, 3, -1)
    expected = (groups - groups.mean(2, keepdim=True)) / (groups.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected.view_as(x), atol=1e-5, rtol=1e-4)


@given(st.integers(1, 4096))
def test_groups_divide_the_channels_and_are_never_narrow(channels):
    groups = num_groups(channels)
    assert channels % groups == 0
    assert groups == 1 or channels // groups >= 16
    assert not any(channels % g == 0 and channels // g >= 16 for g in range(groups + 1, channels + 1))


@pytest.mark.parametrize("name", get_args(Norm))
def test_a_bias_is_left_out_only_where_the_norm_has_its_own(name):
    has_shift = any(key == "bias" for key, _ in image_norm(name, 16).named_parameters())
    assert needs_bias(name) == (not has_shift)


def test_dense_norms_are_the_image_norms_without_instance():
    assert set(get_args(DenseNorm)) == set(get_args(Norm)) - {"instance"}


def test_rms_norm_scales_each_channel():
    norm = RMSNorm2d(2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 5.0]))
    x = torch.ones(1, 2, 3, 3)
    torch.testing.assert_close(norm(x)[0, :, 0, 0], torch.tensor([1.0, 5.0]), atol=1e-4, rtol=0)


def test_chain_leaves_out_what_does_nothing_and_keeps_the_other_names():
    chain = Chain("relu", {"a": nn.Linear(2, 2), "b": nn.Identity(), "c": nn.Linear(2, 2)})
    assert [name for name, _ in chain.named_children()] == ["a", "c"]
