"""Published networks are explained as ours are: Grad-CAM takes maps that everything behind is made of, or refuses."""

from types import SimpleNamespace
from typing import get_args

import pytest
import torch
from torch.nn import functional as F

from runner.cli.verbs import answer
from runner.data.base import ImageScaling, TableScaling
from runner.engine.spec import Spec
from runner.explain.activation_maps import ActivationMaps
from runner.explain.base import zero_in_words
from runner.explain.grad_cam import GradCam
from runner.explain.subject.layers import first_maps, last_maps
from runner.model.alexnet import AlexNet
from runner.model.cnn import CNN
from runner.model.convnext import ConvNeXt
from runner.model.densenet import DenseNet
from runner.model.googlenet import GoogLeNet
from runner.model.inception_v3 import InceptionV3
from runner.model.mixer import Mixer
from runner.model.mobilenet_v3 import MobileNetV3
from runner.model.resnet import ResNet
from runner.model.timm import Timm
from runner.model.torchvision import Torchvision
from runner.model.vit import ViT
from tests.config.test_options import MODELS

SHORT = ("trainer.max_steps=1", "trainer.threads=1", "trainer.images=0", "trainer.evaluation=off", "data.batch_size=8")
SMALL = Spec.classification((1, 32, 32), 7)
LAST = {  # by where the last convolution is only a part of the maps
    "plain": (lambda: AlexNet(SMALL, width=0.05), "features.10"),
    "added": (lambda: ResNet(SMALL, 20, width=0.25), "layer3"),
    "weighed": (lambda: ResNet(SMALL, 20, width=0.25, attention="cbam"), "layer3"),
    "attended": (lambda: CNN(SMALL, (4, 8), head=(), attention="cbam"), "attention2"),
    "beside": (lambda: GoogLeNet(SMALL), "inception5b"),
    "beside others": (lambda: InceptionV3(SMALL), "Mixed_7c"),
    "growing": (lambda: DenseNet(SMALL, 40, growth_rate=4), "features"),
    "squeezed": (lambda: MobileNetV3(SMALL, width=0.5), "features"),
    "permuted": (lambda: ConvNeXt(SMALL, "atto"), "features"),
    "by name": (lambda: Torchvision(SMALL, "shufflenet_v2_x0_5"), "network.conv5"),
    "of timm": (lambda: Timm(SMALL, "test_resnet"), "network.layer4"),
}


def seen(model, **more):
    return SimpleNamespace(model=model.eval(), spec=SMALL, kind="image", embeds=False, **more)


@pytest.mark.parametrize("where", LAST)
def test_the_last_maps_are_whole(where):
    make, layer = LAST[where]
    explained = seen(make())
    assert last_maps(explained, torch.zeros(1, 1, 32, 32)) == layer
    assert GradCam.refusal(explained) is None


@pytest.mark.parametrize("make", [lambda: ResNet(SMALL, 20, attention="cbam"), lambda: GoogLeNet(SMALL)])
def test_where_a_mean_over_positions_follows_it_is_the_class_activation_map(make):
    """Zhou et al. 2016, equation 2: then the gradient is the last layer's weight, divided by the positions."""
    torch.manual_seed(0)
    model, x = make().eval(), torch.randn(1, 1, 32, 32)
    explained = seen(model, forward=lambda inputs, *_: model(inputs))
    method = GradCam(explained, last_maps(explained, x), None)
    kept = []
    hook = model.get_submodule(method.layer).register_forward_hook(lambda *given: kept.append(given[-1]))
    model(x)
    hook.remove()
    maps = kept[0]
    by_hand = torch.einsum("k,nkhw->nhw", model.fc.weight[3], maps)[:, None] / maps[0, 0].numel()
    found, _ = method.attribute(SimpleNamespace(inputs=x, target=3, arguments=()))
    assert by_hand.relu().sum() > 0
    torch.testing.assert_close(found, F.interpolate(by_hand.relu(), x.shape[2:], mode="bilinear"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ViT(SMALL, patch_size=4),
        lambda: Mixer(SMALL, patch_size=4),
        lambda: Torchvision(SMALL, "swin_t"),
        lambda: Timm(SMALL, "test_vit"),
    ],
    ids=["vit", "mixer", "swin_t", "timm"],
)
def test_a_convolution_that_cuts_patches_has_recognized_nothing(make):
    explained = seen(make())
    assert "cuts the image into patches" in GradCam.refusal(explained)
    assert ActivationMaps.refusal(explained) is None
    assert first_maps(explained, torch.zeros(1, 1, 32, 32)) is not None


@pytest.mark.parametrize(
    ("kind", "scaling"),
    [*(("image", name) for name in get_args(ImageScaling)), *(("table", name) for name in get_args(TableScaling))],
)
def test_zero_is_told_behind_every_scaling(kind, scaling):
    data = SimpleNamespace(scaling=scaling)
    said = zero_in_words(SimpleNamespace(kind=kind, network=SimpleNamespace(recipe=SimpleNamespace(data=data))))
    assert said[0] not in " (" and f"scaling={scaling}" in said


@pytest.mark.slow
def test_a_transformer_on_images_scaled_for_published_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("data=digits", "data.fraction=0.05", "data.scaling=symmetric", "model=vit", *MODELS["vit"], *SHORT)
    assert answer([*words, "hydra.run.dir=run"]) == 0
    assert answer(["explain", "run", "--method", "grad_cam"]) == 2
    assert "the only one of ViT cuts the image into patches" in capsys.readouterr().err
    assert answer(["explain", "run", "--examples", "1", "--method", "occlusion"]) == 0
    assert answer(["explain", "run", "--examples", "1"]) == 0
    assert sorted(path.name for path in (tmp_path / "run/explanations").iterdir()) == [
        f"{name}.{ending}" for name in ("integrated_gradients", "occlusion") for ending in ("json", "png")
    ]
