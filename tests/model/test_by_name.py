"""``model=torchvision`` and ``model=timm``: whatever these have, by its name."""

import sys

import pytest
import torch
import torchvision

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.timm import Timm
from runner.model.torchvision import Torchvision

NAMES = torchvision.models.list_models(module=torchvision.models)
IMAGENET = Spec.classification((3, 224, 224), 1000)


def states(network):
    return {name.removeprefix("network."): tensor.shape for name, tensor in network.state_dict().items()}


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("regnet")])  # which count on the device
def test_every_network_of_torchvision_is_that_of_the_name(name):
    more = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        assert states(Torchvision(IMAGENET, name)) == states(torchvision.models.get_model(name, **more))


def test_tensors_without_a_version_are_loaded():
    """As they stand in a checkpoint; torchvision's mnasnet wants to know of which version they are."""
    one, other = (Torchvision(Spec.classification((1, 28, 28), 7), "mnasnet0_5") for _ in range(2))
    other.load_state_dict(dict(one.state_dict()))
    assert all(torch.equal(tensor, one.state_dict()[name]) for name, tensor in other.state_dict().items())
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({})


@pytest.mark.parametrize("name", ["resnext50_32x4d", "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5"])
@pytest.mark.parametrize("side", [28, 64])
def test_networks_of_torchvision_take_small_images(name, side):
    with torch.device("meta"):
        network = Torchvision(Spec.classification((1, side, side), 7), name).eval()
        assert network(torch.zeros(2, 1, side, side)).shape == (2, 7)


def test_regnet_takes_small_images():
    network = Torchvision(Spec.classification((1, 28, 28), 7), "regnet_y_400mf").eval()
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 7)


@pytest.mark.parametrize("name", ["resnet26t", "vit_tiny_patch16_224", "edgenext_xx_small", "mixer_s16_224"])
def test_networks_of_timm(name):
    import timm

    with torch.device("meta"):
        assert states(Timm(IMAGENET, name)) == states(timm.create_model(name))
        network = Timm(Spec.classification((1, 64, 64), 7), name).eval()
        assert network(torch.zeros(2, 1, 64, 64)).shape == (2, 7)


def test_outputs_are_timms():
    import timm

    made, published = (
        Timm(Spec.classification((1, 96, 96), 5), "resnet10t"),
        timm.create_model("resnet10t", in_chans=1, num_classes=5),
    )
    made.network.load_state_dict(published.state_dict())
    x = torch.randn(2, 1, 96, 96)
    torch.testing.assert_close(made.eval()(x), published.eval()(x))


@pytest.mark.parametrize(
    ("cls", "name", "said"),
    [
        (Torchvision, "resnext50", "no such classification network. Did you mean 'resnext50_32x4d'"),
        (Torchvision, "fcn_resnet50", "no such classification network"),
        (Torchvision, "vit_b_16", "can't be made for images of 28 x 28 pixels .*Take images of another size"),
        (Timm, "resnet26", None),
        (Timm, "resnet26tt", "timm has no such network. Did you mean 'resnet26t'"),
        (Timm, "hf-hub:somebody/model", "timm has no such network"),
        (Timm, "local-dir:/tmp", "timm has no such network"),
    ],
)
def test_names_that_are_not_taken(cls, name, said):
    spec = Spec.classification((3, 28, 28), 2)
    with torch.device("meta"):
        if said is None:
            assert cls(spec, name)
            return
        with pytest.raises(ConfigError, match=said):
            cls(spec, name)


def test_timm_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"timm is not installed. Run `pip install 'runner\[timm\]'`"):
        Timm(IMAGENET, "resnet26t")
