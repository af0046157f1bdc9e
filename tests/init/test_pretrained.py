import pickle
import re
import urllib.error
from pathlib import Path

import pytest
import torch
import torchvision

from runner.config.check import check_run
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed
from runner.init.pretrained import Pretrained
from runner.model.deeplab import DeepLab
from runner.model.densenet import DenseNet
from runner.model.faster_rcnn import FasterRCNN
from runner.model.fcn import FCN
from runner.model.fcos import FCOS
from runner.model.googlenet import GoogLeNet
from runner.model.mask_rcnn import MaskRCNN
from runner.model.mixer import Mixer
from runner.model.mobilenet_v3 import MobileNetV3
from runner.model.resnet import ResNet
from runner.model.retinanet import RetinaNet
from runner.model.timm import Timm
from runner.model.torchvision import Torchvision
from runner.run import compose

SMALL = Spec.classification((3, 32, 32), 5)
MOBILE = ("model=mobilenet_v3", "trainer.max_steps=1", "data.batch_size=4", "optimizer=sgd", "optimizer.lr=0")


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    return torchvision.models.mobilenet_v3_small().state_dict()


@pytest.fixture
def file(published, tmp_path):
    torch.save(published, tmp_path / "mobilenet.pth")
    return tmp_path / "mobilenet.pth"


def initialized(model, **arguments):
    init = Pretrained(**arguments)
    init(model)
    return init


def test_all_but_the_last_layer_is_taken_from_a_file(file, published):
    model = MobileNetV3(SMALL)
    drawn = model.classifier[3].weight.clone()
    init = initialized(model, weights=str(file))
    taken = {
        name
        for name, tensor in model.state_dict().items()
        if name in published and tensor.shape == published[name].shape and torch.equal(tensor, published[name])
    }
    assert set(published) - taken == {"classifier.3.weight", "classifier.3.bias"}
    assert torch.equal(model.classifier[3].weight, drawn)
    assert init.published(lambda: model).scaling == "imagenet"
    assert init.notes == (
        f"init=pretrained: 140 parameters taken from {file}; classifier.3 as drawn; trained with images of 224 pixels.",
    )


def test_the_same_in_a_folder_as_safetensors_and_inside_another_network(published, tmp_path):
    from safetensors.torch import save_file

    save_file(published, tmp_path / "model.safetensors")
    model = Torchvision(Spec.classification((3, 32, 32), 1000), "mobilenet_v3_small")
    init = initialized(model, weights=str(tmp_path))
    assert all(
        torch.equal(tensor, published[name.removeprefix("network.")]) for name, tensor in model.state_dict().items()
    )
    assert "as drawn" not in init.notes[0]
    (tmp_path / "other.pth").touch()
    with pytest.raises(ConfigError, match=r"expected a folder with one file of weights .* this has 2"):
        Pretrained(str(tmp_path)).check()


def test_layers_that_do_not_fit_are_drawn_only_where_they_are_named(file):
    torch.save(torchvision.models.resnet18().state_dict(), file)
    with pytest.raises(
        ConfigError, match=r"conv1.weight is \(64, 3, 7, 7\) in them and \(64, 3, 3, 3\) here.*redraw=\[conv1,"
    ):
        initialized(ResNet(SMALL, 18), weights=str(file))
    assert "conv1, fc as drawn" in initialized(ResNet(SMALL, 18), weights=str(file), redraw=("conv1", "fc")).notes[0]
    assert "; fc as drawn" in initialized(ResNet(SMALL, 18, stem="large"), weights=str(file)).notes[0]
    with pytest.raises(ConfigError, match="nobody published weights for ResNet with these settings"):
        initialized(ResNet(SMALL, 18, attention="se"))


def test_grey_images_are_seen_as_colours_of_one_value(file, published):
    grey, colour = (
        MobileNetV3(Spec.classification((1, 32, 32), 1000)),
        MobileNetV3(Spec.classification((3, 32, 32), 1000)),
    )
    init = initialized(grey, weights=str(file))
    initialized(colour, weights=str(file))
    x = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(grey.eval()(x), colour.eval()(x.expand(-1, 3, -1, -1)))
    assert "features.0.0.weight summed over the colours" in init.notes[0]


@pytest.mark.parametrize(
    ("model", "builder", "scaling"),
    [
        (lambda spec: DenseNet(spec, 121, stem="large"), "densenet121", "imagenet"),
        (lambda spec: GoogLeNet(spec, stem="large"), "googlenet", "symmetric"),
    ],
    ids=["densenet", "googlenet"],
)
@pytest.mark.slow
def test_weights_of_torchvision_are_fetched_by_their_name(model, builder, scaling, monkeypatch):
    more = {"init_weights": False} if builder == "googlenet" else {}
    state = torchvision.models.get_model(builder, **more).state_dict()
    old = {name.replace(".norm1.", ".norm.1."): tensor for name, tensor in state.items()}
    asked = {}

    def fetched(url, **arguments):
        asked.update(arguments, url=url)
        return old

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetched)
    network = model(Spec.classification((3, 32, 32), 1000))
    init = initialized(network, weights="IMAGENET1K_V1")
    assert asked["weights_only"] and asked["check_hash"] and builder in asked["url"]
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert init.published(lambda: network).scaling == scaling
    assert "taken from torchvision's" in init.notes[0]


DENSE = {
    "fcn": (FCN, "segmentation", {}),
    "deeplabv3": (DeepLab, "segmentation", {}),
    "fcos": (FCOS, "detection", {"channels": 256}),
    "retinanet": (RetinaNet, "detection", {"channels": 256, "norm": "none"}),
    "fasterrcnn": (FasterRCNN, "detection", {"channels": 256, "hidden": 1024}),
    "maskrcnn": (MaskRCNN, "instance_segmentation", {"channels": 256, "hidden": 1024, "mask_size": 28}),
}
# Names of torchvision's first versions, that its published files have.
FIRST = [
    (r"(fpn\.\w+_blocks\.\d)\.0\.", r"\1."),
    (r"(rpn\.head\.conv)\.0\.0\.", r"\1."),
    (r"(head\.conv\.)(\d)\.0\.", lambda found: f"{found[1]}{2 * int(found[2])}."),
    (r"(mask_head\.)(\d)\.0\.", lambda found: f"{found[1]}mask_fcn{1 + int(found[2])}."),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", DENSE)
def test_weights_of_networks_for_masks_and_boxes_are_taken_under_their_first_names(name, monkeypatch):
    make, task, more = DENSE[name]
    builder = f"{name}_resnet50{'' if task == 'segmentation' else '_fpn'}"
    state = torchvision.models.get_model(builder, weights=None, weights_backbone=None).state_dict()
    old = dict(state)
    for pattern, first in FIRST if name in ("fasterrcnn", "maskrcnn", "retinanet") else FIRST[:1]:
        old = {re.sub(pattern, first, key): tensor for key, tensor in old.items()}
    if name in ("fasterrcnn", "maskrcnn", "retinanet"):  # torchvision itself reads these names
        torchvision.models.get_model(builder, weights=None, weights_backbone=None).load_state_dict(dict(old))
    old["aux_classifier.0.weight"] = torch.zeros(1)
    asked = {}

    def fetched(url, **arguments):
        asked.update(arguments, url=url)
        return old

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetched)
    classes = {"fcn": 21, "deeplabv3": 21, "fasterrcnn": 90, "maskrcnn": 90}.get(name, 91)
    kinds = {"segmentation": ("mask", (96, 96)), "detection": ("boxes", (None, 5))}
    targets = Field(*kinds.get(task, ("instances", (None, 5 + 96 * 96))), classes)
    outputs = classes if task == "segmentation" else 4 + classes
    network = make(Spec(task, Field("image", (3, 96, 96)), targets, num_outputs=outputs), 50, **more)
    initialized(network)
    assert asked["weights_only"] and asked["check_hash"] and builder in asked["url"]
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items() if key in state)
    assert {key for key in network.state_dict() if "num_batches" not in key} <= set(state)
    assert Pretrained().published(lambda: network).scaling == "imagenet"


def test_weights_of_timm_are_fetched_by_their_tag(monkeypatch):
    import timm

    create, asked = timm.create_model, []

    def offline(name, pretrained=False, **arguments):
        asked.append((name, pretrained))
        return create(name.partition(".")[0], **arguments)

    monkeypatch.setattr(timm, "create_model", offline)
    network = Timm(SMALL, "resnet10t", stem="large")
    init = initialized(network, weights="c3_in1k")
    assert asked[-1] == ("resnet10t.c3_in1k", True)
    assert init.published(lambda: network).scaling == "imagenet"
    assert "taken from timm's resnet10t.c3_in1k; network.fc as drawn" in init.notes[0]
    with pytest.raises(ConfigError, match=r"timm has no such weights of resnet10t. Did you mean 'c3_in1k'"):
        initialized(Timm(SMALL, "resnet10t"), weights="c3_in")


def test_without_a_network_every_way_is_named(monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(
        RunFailed, match=r"mobilenet_v3_small-\w+.pth can't be downloaded .*init.weights=mobilenet.*lite0"
    ):
        initialized(MobileNetV3(SMALL))


@pytest.mark.parametrize(
    ("model", "weights", "said"),
    [
        (
            lambda: MobileNetV3(SMALL),
            "IMAGENET1K_V9",
            "no such weights of mobilenet_v3_small. Did you mean 'IMAGENET1K_V1'",
        ),
        (lambda: MobileNetV3(SMALL), "missing.pth", "init.weights=missing.pth: "),
        (lambda: MobileNetV3(SMALL, width=0.5), None, "nobody published weights for MobileNetV3 with these settings"),
        (lambda: Mixer(SMALL), None, "nobody published weights for Mixer"),
        (lambda: torch.nn.Linear(3, 2), None, "nobody published weights for Linear. init=checkpoint takes what fits"),
    ],
    ids=["name", "file", "width", "mixer", "own"],
)
def test_what_there_is_not(model, weights, said):
    with pytest.raises(ConfigError, match=said):
        initialized(model(), weights=weights)


class Harm:
    def __reduce__(self):
        return Path.touch, (Path("harmed"),)


def test_nothing_in_a_file_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bad.pth").write_bytes(pickle.dumps({"a": Harm()}))
    Path("bad.safetensors").write_bytes(b"no such thing")
    for name in ("bad.pth", "bad.safetensors"):
        with pytest.raises(RunFailed, match=f"{name}: can't be read as weights"):
            initialized(MobileNetV3(SMALL), weights=name)
    assert not Path("harmed").exists()


@pytest.mark.parametrize(
    ("model", "scaling"),
    [
        (("model=mobilenet_v3",), "imagenet"),
        (("model=googlenet",), "symmetric"),
        (("model=efficientnet_lite0",), "symmetric"),
        (("model=timm", "model.name=resnet10t"), "imagenet"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else "",
)
def test_another_scaling_is_refused_before_data_are_loaded(model, scaling, monkeypatch):
    monkeypatch.setattr("runner.data.digits.Digits.load", lambda self: pytest.fail("loaded"))
    words = ["data=digits", "init=pretrained", *model]
    with pytest.raises(ConfigError, match=rf"^data.scaling=standard: .* Give data.scaling={scaling}\.$"):
        check_run(compose(words))
    check_run(compose(words), fresh=False)
    check_run(compose([*words, f"data.scaling={scaling}"]))


def test_weights_that_are_not_there_are_refused_before_data_are_loaded():
    with pytest.raises(ConfigError, match=r"torchvision has no such weights of mobilenet_v3_small.*IMAGENET1K_V1"):
        check_run(compose(["data=digits", "model=mobilenet_v3", "init=pretrained", "init.weights=IMAGENET1K_V3"]))


def test_a_network_that_can_not_be_made_without_weights_is_asked_later():
    check_run(compose(["data=digits", "model=torchvision", "model.name=regnet_y_400mf", "init=pretrained"]))


@pytest.mark.slow
def test_images_are_scaled_as_those_the_weights_were_trained_with(file, go):
    with pytest.raises(ConfigError, match=r"data.scaling=standard: .* Give data.scaling=imagenet"):
        go(*MOBILE, "init=pretrained", f"init.weights={file}", folder="a")
    go(*MOBILE, "init=pretrained", f"init.weights={file}", "data.scaling=imagenet", folder="b")
    saved = torch.load("b/checkpoints/best.pt", weights_only=True)
    grey = sum((0.485, 0.456, 0.406)) / 3
    assert saved["transform"]["shift"] == pytest.approx([grey * 16])  # a fully lit pixel of digits is 16
    source = torch.load(file, weights_only=True)
    assert torch.equal(saved["model"]["features.3.block.0.0.weight"], source["features.3.block.0.0.weight"])
