"""Networks for images against torchvision's and timm's: the same parameters, the same outputs with the same weights."""

import pytest
import torch
import torchvision
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.alexnet import AlexNet
from runner.model.convnext import ConvNeXt
from runner.model.densenet import DenseNet
from runner.model.efficientnet import EfficientNet
from runner.model.googlenet import GoogLeNet
from runner.model.inception_v3 import InceptionV3
from runner.model.mixer import Mixer
from runner.model.mobilenet_v2 import MobileNetV2
from runner.model.mobilenet_v3 import MobileNetV3
from runner.model.vgg import VGG
from runner.model.vit import ViT

# The name that torchvision has for it, and how it is made here.
PUBLISHED = {
    "alexnet": (AlexNet, {}),
    **{f"vgg{n}": (VGG, {"depth": n}) for n in (11, 13, 16, 19)},
    **{f"vgg{n}_bn": (VGG, {"depth": n, "norm": "batch"}) for n in (11, 13, 16, 19)},
    **{f"densenet{n}": (DenseNet, {"depth": n}) for n in (121, 161, 169, 201)},
    "googlenet": (GoogLeNet, {}),
    "inception_v3": (InceptionV3, {}),
    "mobilenet_v2": (MobileNetV2, {}),
    **{f"mobilenet_v3_{size}": (MobileNetV3, {"size": size}) for size in ("small", "large")},
    **{f"efficientnet_b{n}": (EfficientNet, {"size": f"b{n}"}) for n in range(8)},
    **{f"convnext_{size}": (ConvNeXt, {"size": size}) for size in ("tiny", "small", "base", "large")},
    **{
        f"vit_{a}_{n}": (ViT, {"size": s, "patch_size": n})
        for a, s in (("b", "base"), ("l", "large"))
        for n in (16, 32)
    },
    "vit_h_14": (ViT, {"size": "huge", "patch_size": 14}),
}
NO_AUXILIARY = {"aux_logits": False, "init_weights": False}
# One of each family, the smallest.
FAMILIES = {
    "alexnet": {"width": 0.1},
    "vgg11_bn": {"width": 0.1},
    "densenet121": {"depth": 40, "growth_rate": 4},
    "googlenet": {},
    "inception_v3": {},
    "mobilenet_v2": {"width": 0.25},
    "mobilenet_v3_small": {"width": 0.5},
    "efficientnet_b0": {},
    "convnext_tiny": {"size": "atto"},
    "vit_b_16": {"size": "compact", "patch_size": None},
    "mixer": {},
}


def theirs(name):
    return torchvision.models.get_model(name, **(NO_AUXILIARY if name in ("googlenet", "inception_v3") else {}))


def ours(name, shape=(3, 224, 224), classes=1000, **changed):
    cls, arguments = PUBLISHED.get(name, (Mixer, {}))
    return cls(Spec.classification(shape, classes), **{**arguments, **changed})


def shapes(network):
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_torchvisions(name):
    with torch.device("meta"):
        made, published = ours(name), theirs(name)
    assert shapes(made) == shapes(published)
    if name not in ("googlenet", "inception_v3"):  # whose number has the auxiliary classifiers in it, or none
        told = torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"]
        assert name == "vit_h_14" or sum(p.numel() for p in made.parameters()) == told


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(name for name in FAMILIES if name not in ("mixer", "vit_b_16")), "vit_b_32"])
def test_outputs_are_torchvisions(name):
    side = 224 if name.startswith("vit") else 96
    made, published = ours(name, (3, side, side)), theirs(name)
    if name.startswith("vit"):  # its last layer starts at zero
        torch.nn.init.normal_(published.heads.head.weight)
    made.load_state_dict(published.state_dict())
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        outputs = made.eval()(x)
        assert not torch.equal(outputs[0], outputs[1])
        torch.testing.assert_close(outputs, published.eval()(x))


def test_mixer_is_timms():
    from timm.models.mlp_mixer import MlpMixer

    published = MlpMixer(7, img_size=32, patch_size=4, num_blocks=8, embed_dim=128)
    torch.nn.init.normal_(published.head.weight)
    made = ours("mixer", (3, 32, 32), 7)
    made.load_state_dict(published.state_dict())
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(made(x), published(x))


@pytest.mark.parametrize(("size", "millions"), [("small", 18.5), ("base", 59.9), ("large", 208.2), ("huge", 431)])
def test_parameters_of_mixer_are_the_papers(size, millions):
    """Table 1 of the paper: S/16 has 18M, B/16 59M, L/16 207M, H/14 431M."""
    with torch.device("meta"):
        made = ours("mixer", size=size, patch_size=14 if size == "huge" else 16)
    assert sum(p.numel() for p in made.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize(("depth", "millions"), [(100, 0.8), (250, 15.3), (190, 25.6)])
def test_parameters_of_small_densenets_are_the_papers(depth, millions):
    """Table 2 of the paper, DenseNet-BC."""
    with torch.device("meta"):
        made = ours("densenet121", (3, 32, 32), 10, depth=depth)
    assert sum(p.numel() for p in made.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


def test_the_branch_of_googlenet_is_the_papers():
    """Weights of each module in thousands, of table 1 of the paper; its 5x5 branch is what torchvision has 3x3.

    Of 4c the table's number is not what its own widths give, which are those that torchvision has too.
    """
    told = {"3a": 159, "3b": 380, "4a": 364, "4b": 437, "4d": 580, "4e": 840, "5a": 1072, "5b": 1388}
    with torch.device("meta"):
        paper, torchvisions = ours("googlenet", kernel_size=5), ours("googlenet")
    for name, thousands in told.items():
        weights = [p for p in getattr(paper, f"inception{name}").parameters() if p.ndim == 4]
        fewer = [p for p in getattr(torchvisions, f"inception{name}").parameters() if p.ndim == 4]
        assert sum(p.numel() for p in weights) / 1000 == pytest.approx(thousands, rel=0.05)
        assert sum(p.numel() for p in fewer) < sum(p.numel() for p in weights)


@pytest.mark.long
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("side", [8, 28, 32, 64, 224])
def test_takes_images_of_any_size(name, side):
    if (name, side) == ("inception_v3", 8):
        with pytest.raises(ConfigError, match=r"images of 8 x 8 pixels .*Take larger images"):
            ours(name, (1, 8, 8), 7)
        return
    with torch.device("meta"):  # shapes only
        network = ours(name, (2, side, side), 7, **FAMILIES[name])
        assert network.eval()(torch.zeros(3, 2, side, side)).shape == (3, 7)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_is_trained(name):
    torch.manual_seed(0)
    side = 28 if name == "inception_v3" else 16
    network = ours(name, (1, side, side), 3, **FAMILIES[name])
    outputs = network(torch.randn(4, 1, side, side))
    F.cross_entropy(outputs, torch.arange(4) % 3).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0 or name == "alexnet", key
    network.eval()
    with torch.no_grad():
        x = torch.randn(4, 1, side, side)
        torch.testing.assert_close(torch.cat([network(x[:1]), network(x[1:])]), network(x), rtol=1e-4, atol=1e-4)


def maps(network, side):
    """Sides of the maps that convolutions and poolings give, largest first."""
    seen, hooks = set(), []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.MaxPool2d | torch.nn.AvgPool2d):
            hooks.append(module.register_forward_hook(lambda _, __, given: seen.add(given.shape[-1])))
    network.eval()(torch.zeros(1, 3, side, side))
    return sorted(seen - {1}, reverse=True)


@pytest.mark.parametrize(
    ("name", "arguments", "small", "large"),
    [
        ("alexnet", {}, [64, 31, 15], [15, 7, 3]),
        ("densenet121", {"depth": 121}, [64, 32, 16, 8], [32, 16, 8, 4, 2]),
        ("googlenet", {}, [64, 32, 16, 8], [32, 16, 8, 4, 2]),
        ("mobilenet_v2", {}, [64, 32, 16, 8, 4], [32, 16, 8, 4, 2]),
        ("efficientnet_b0", {}, [64, 32, 16, 8, 4], [32, 16, 8, 4, 2]),
        ("vgg11", {}, [64, 32, 16, 8, 4, 2], [64, 32, 16, 8, 4, 2]),
    ],
)
def test_small_images_keep_their_resolution_in_the_stem(name, arguments, small, large):
    with torch.device("meta"):
        assert maps(ours(name, (3, 64, 64), 10, **arguments), 64) == small
        assert maps(ours(name, (3, 64, 64), 10, stem="large", **arguments), 64) == large
        assert shapes(ours(name, (3, 64, 64), 1000, stem="large", **arguments)) == shapes(theirs(name))


def test_no_layer_of_a_small_image_leaves_a_single_pixel():
    with torch.device("meta"):
        for name in FAMILIES:
            if name not in ("inception_v3", "vit_b_16", "mixer"):
                assert maps(ours(name, (3, 8, 8), 10, **FAMILIES[name]), 8)[-1] >= 2, name


def test_weights_are_the_same_for_the_same_seed():
    """The black image that is passed through must not draw."""
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(ours("vgg11", (1, 8, 8), 4, width=0.05))
    assert all(torch.equal(a, b) for a, b in zip(made[0].parameters(), made[1].parameters()))


@pytest.mark.parametrize(("side", "patch"), [(8, 1), (28, 4), (32, 4), (64, 8), (96, 8), (224, 16), (30, 2), (31, 1)])
def test_patches_fit_the_images(side, patch):
    with torch.device("meta"):
        assert ours("vit_b_16", (3, side, side), size="compact", patch_size=None).conv_proj.stride == (patch, patch)


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match=r"patch_size=5: images of 28 x 28 pixels .*one of 1, 2, 4, 7, 14, 28"):
        ours("mixer", (3, 28, 28), patch_size=5)
    with pytest.raises(ConfigError, match="takes square images, and these are 32 x 28"):
        ours("vit_b_16", (3, 28, 32), patch_size=4)
