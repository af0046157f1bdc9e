import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.model.cnn import CNN
from runner.model.layers.attention import CBAM, SelfAttention, attention_layer, squeezed
from runner.model.resnet import ResNet


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("channels", "squeezed"), [(16, 4), (128, 8)])
def test_squeeze_and_excitation(channels, squeezed):
    torch.manual_seed(0)
    layer, x = attention_layer("se", channels), torch.randn(3, channels, 5, 4)
    first, second = layer.fc1, layer.fc2
    assert first.weight.shape == (squeezed, channels, 1, 1)
    h = F.relu(x.mean((2, 3)) @ first.weight[:, :, 0, 0].T + first.bias)
    scale = torch.sigmoid(h @ second.weight[:, :, 0, 0].T + second.bias)
    torch.testing.assert_close(layer(x), x * scale[:, :, None, None])


def test_self_attention_is_the_formula():
    torch.manual_seed(0)
    layer, x = SelfAttention(6).double(), torch.randn(2, 6, 3, 4, dtype=torch.float64)
    inner = layer.attention
    nn.init.normal_(inner.in_proj_bias)
    p = x.flatten(2).mT  # (N, positions, C)
    q, k, v = (p @ w.T + b for w, b in zip(inner.in_proj_weight.split(6), inner.in_proj_bias.split(6)))
    shares = (q @ k.mT / math.sqrt(6)).softmax(-1)
    expected = x + inner.out_proj(shares @ v).mT.view_as(x)
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.eval()(x), expected)


@pytest.mark.parametrize("channels", [16, 128])
def test_cbam_is_timms(channels):
    from timm.layers.cbam import CbamModule

    torch.manual_seed(0)
    layer, theirs, x = (
        CBAM(channels),
        CbamModule(channels, rd_channels=squeezed(channels)),
        torch.randn(3, channels, 9, 8),
    )
    theirs.spatial.conv.bn = nn.Identity()  # which the paper's equation 3 does not have
    theirs.channel.load_state_dict({k: v for k, v in layer.state_dict().items() if k.startswith("fc")})
    theirs.spatial.conv.conv.load_state_dict({"weight": layer.conv.weight})
    torch.testing.assert_close(layer(x), theirs(x))


def test_attention_stands_in_front_of_the_sum():
    torch.manual_seed(0)
    net = ResNet(Spec.classification((3, 16, 16), 4), 20, attention="cbam").eval()
    block, x = net.layer2[1], torch.randn(2, 32, 8, 8).relu()
    branch = block.bn2(block.conv2(block.act1(block.bn1(block.conv1(x)))))
    torch.testing.assert_close(block(x), F.relu(block.attention(branch) + x))
    # without it the parameters are those of the same network, under the same names
    plain = ResNet(Spec.classification((3, 16, 16), 4), 20)
    assert {n for n, _ in net.named_parameters() if ".attention." not in n} == {n for n, _ in plain.named_parameters()}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("none", 0),
        ("se", 2 * 32 * 4 + 32 + 4 + 2 * 64 * 4 + 64 + 4),
        ("cbam", 2 * 32 * 4 + 2 * 64 * 4 + 2 * 2 * 49),
        ("self", 4 * (32**2 + 64**2 + 96)),
    ],
)
def test_parameters_of_a_cnn_with_it(name, more):
    spec = Spec.classification((1, 8, 8), 10)
    assert count(CNN(spec, attention=name)) == count(CNN(spec)) + more
