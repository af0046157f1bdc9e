import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.model.resnet import ResNet

IMAGENET = Spec.classification((3, 224, 224), 1000)


def count(model):
    return sum(p.numel() for p in model.parameters())


def maps(model, x):
    """Side of the feature maps behind the stem and each stage."""
    sides = []
    for name, layer in model.named_children():
        if name == "avgpool":
            return sides
        x = layer(x)
        if name.startswith("layer"):
            sides.append(x.shape[-1])
    raise AssertionError


@pytest.mark.parametrize(
    ("depth", "published"),
    [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (101, 44_549_160), (152, 60_192_808)],
)
def test_parameters_are_torchvisions(depth, published):
    with torch.device("meta"):
        ours, theirs = ResNet(IMAGENET, depth), getattr(torchvision.models, f"resnet{depth}")()
    assert count(ours) == published
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


@pytest.mark.parametrize("depth", [18, 50])
def test_outputs_and_gradients_are_torchvisions(depth):
    ours, theirs = ResNet(IMAGENET, depth), getattr(torchvision.models, f"resnet{depth}")()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 96, 96)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    ours.train()(x).square().mean().backward()
    theirs.train()(x).square().mean().backward()
    torch.testing.assert_close(ours.conv1.weight.grad, theirs.conv1.weight.grad)


# Table 6 of the paper gives these in millions; exactly: 16-32-64 channels, shortcuts without parameters.
@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (56, 0.85), (110, 1.7), (1202, 19.4)])
def test_parameters_of_the_small_family(depth, millions):
    n = (depth - 2) // 6
    convolutions = 3 * 16 + 16 * 16 * 2 * n + (16 + 32 * (2 * n - 1)) * 32 + (32 + 64 * (2 * n - 1)) * 64
    norms = 2 * (16 + 2 * n * (16 + 32 + 64))
    with torch.device("meta"):
        total = count(ResNet(Spec.classification((3, 32, 32), 10), depth))
    assert total == 9 * convolutions + norms + 64 * 10 + 10
    assert total / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("depth", [18, 50, 20])
def test_number_of_weighted_layers_is_the_depth(depth):
    with torch.device("meta"):
        model = ResNet(IMAGENET, depth)
    weighted = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear) and "downsample" not in n]
    assert len(weighted) == depth


@pytest.mark.parametrize(
    ("depth", "side", "sides"),
    [
        (18, 224, [56, 28, 14, 7]),
        (18, 64, [64, 32, 16, 8]),
        (18, 32, [32, 16, 8, 4]),
        (20, 32, [32, 16, 8]),
        (20, 28, [28, 14, 7]),
        (20, 8, [8, 4, 2]),
        (18, 8, [8, 4, 2, 2]),
        (20, 3, [3, 2, 2]),
        (20, 1, [1, 1, 1]),
    ],
)
def test_maps_are_fitted_to_the_image(depth, side, sides):
    model = ResNet(Spec.classification((1, side, side), 10), depth, width=0.125)
    x = torch.randn(1, 1, side, side)
    assert maps(model.eval(), x) == sides
    assert model(x).shape == (1, 10)


def test_small_shortcut_adds_the_input_itself():
    model = ResNet(Spec.classification((1, 8, 8), 10)).eval()
    block = model.layer2[0]
    nn.init.zeros_(block.conv2.weight)  # with the residual branch silent, the shortcut is all
    x = torch.rand(2, 16, 8, 8)
    y = block(x)
    assert torch.equal(y[:, :16], x[:, :, ::2, ::2])
    assert y[:, 16:].count_nonzero() == 0


def test_width_multiplies_every_layer():
    spec = Spec.classification((3, 32, 32), 10)
    assert ResNet(spec, 18, width=0.5).fc.in_features == 256
    assert ResNet(spec, 50, width=2).fc.in_features == 4096
    assert ResNet(spec, 20, width=4).layer1[0].conv1.out_channels == 64


def test_convolutions_start_he_normal_over_fan_out():
    torch.manual_seed(0)
    weight = ResNet(Spec.classification((3, 32, 32), 10), 18).layer4[0].conv1.weight
    assert weight.var().item() == pytest.approx(2 / (512 * 9), rel=0.02)


def test_dropout_is_before_the_last_layer():
    model = ResNet(Spec.classification((1, 8, 8), 10), dropout=0.4)
    *_, (name, layer), (last, _) = model.named_children()
    assert (name, layer.p, last) == ("dropout", 0.4, "fc")


def pre_activated(model, x, last):
    """The network of the paper's figure 1 (b), from the layers of ours: ``last`` is the last convolution of a block."""
    x = F.relu(model.bn1(model.conv1(x)))
    blocks = [block for i in range(1, 5) for block in getattr(model, f"layer{i}", ())]
    for number, block in enumerate(blocks):
        y = x if number == 0 else F.relu(block.bn1(x))
        shortcut = block.downsample(y if isinstance(block.downsample, nn.Sequential) else x)
        y = block.conv2(F.relu(block.bn2(block.conv1(y))))
        if last == 3:
            y = block.conv3(F.relu(block.bn3(y)))
        x = y + shortcut
    return model.fc(F.relu(model.bn2(x)).mean((2, 3)))


@pytest.mark.parametrize(("depth", "last"), [(20, 2), (18, 2), (50, 3)])
def test_pre_activation_is_the_papers(depth, last):
    torch.manual_seed(0)
    model = ResNet(Spec.classification((3, 16, 16), 10), depth, width=0.25, block="pre").train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    x = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(model(x), pre_activated(model, x, last))
    weighted = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear) and "downsample" not in n]
    assert len(weighted) == depth


def test_pre_activation_leaves_the_way_along_identities_free():
    model = ResNet(Spec.classification((1, 8, 8), 10), 20, block="pre").eval()
    block = model.layer1[1]
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(block(x), x)


def test_stochastic_depth_rises_to_the_last_block():
    model = ResNet(Spec.classification((1, 8, 8), 10), 20, stochastic_depth=0.9)
    blocks = [*model.layer1, *model.layer2, *model.layer3]
    assert [block.drop.p for block in blocks] == pytest.approx([0.1 * (i + 1) for i in range(9)])
    torch.manual_seed(0)
    x = torch.rand(400, 64, 2, 2)
    same = (model.layer3[2].train()(x) == x).flatten(1).all(1)  # branch left out: relu of the input, which is positive
    assert same.float().mean().item() == pytest.approx(0.9, abs=0.05)


def test_weights_fit_with_and_without_stochastic_depth():
    spec = Spec.classification((1, 8, 8), 10)
    dropping, plain = ResNet(spec, stochastic_depth=0.5), ResNet(spec)
    plain.load_state_dict(dropping.state_dict())
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(plain.eval()(x), dropping.eval()(x))
