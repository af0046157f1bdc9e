"""U-Net and the small detector: shapes, every parameter learnt, starts that initializers give."""

from typing import get_args

import pytest
import torch

from runner.config.groups import BY_NAME
from runner.config.options import Options
from runner.config.recipe import Node
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.model.detector import Detector
from runner.model.layers.activation import Activation
from runner.model.layers.normalization import Norm
from runner.model.unet import UNet
from tests.config.test_options import content


def spec_of(shape, outputs):
    return Spec("segmentation", Field("image", shape), Field("mask", shape[1:], outputs), num_outputs=outputs)


MODELS = {
    "unet": lambda shape=(1, 16, 16), **parts: UNet(spec_of(shape, 5), 3, 4, **parts),
    "detector": lambda shape=(1, 16, 16), **parts: Detector(spec_of(shape, 7), (4, 6), **parts),
}
PARTS = [
    (model, key, value)
    for model in MODELS
    for key, values in (
        ("activation", get_args(Activation)),
        ("norm", get_args(Norm)),
        ("spatial_dropout", (0.3,)),
    )
    for value in values
]


@pytest.mark.parametrize(("model", "key", "value"), PARTS)
def test_every_part_trains_every_parameter(model, key, value):
    torch.manual_seed(0)
    network = MODELS[model](**{key: value})
    network(torch.randn(6, 1, 16, 16)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


@pytest.mark.parametrize("sides", [(16, 16), (7, 9), (4, 30), (1, 1)])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_mask_is_as_large_as_its_image(sides, depth):
    network = UNet(spec_of((3, *sides), 5), depth, 4, norm="group").eval()
    x = torch.randn(3, 3, *sides)
    with torch.no_grad():
        together = network(x)
        assert together.shape == (3, 5, *sides)
        torch.testing.assert_close(torch.cat([network(x[:1]), network(x[1:])]), together)


def test_a_skip_carries_what_the_coarse_map_can_not():
    """Without the way down's maps beside it, a checkerboard would be one grey."""
    torch.manual_seed(0)
    network = UNet(spec_of((1, 8, 8), 2), 3, 8)
    x = (torch.arange(8)[:, None] + torch.arange(8)).remainder(2).float().expand(4, 1, 8, 8)
    flipped = torch.cat([x[:2], 1 - x[2:]])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(flipped), flipped[:, 0].long())
        loss.backward()
        optimizer.step()
    assert loss < 0.05


def test_a_cell_tells_a_box_around_its_centre():
    network = Detector(spec_of((1, 8, 16), 7), (4, 6, 8)).eval()
    torch.nn.init.zeros_(network.output.weight)
    torch.nn.init.zeros_(network.output.bias[:4])
    with torch.no_grad():
        found = network(torch.randn(2, 1, 8, 16))
    assert found.shape == (2, 2, 4, 7)
    assert found[0, 1, 2, :4].tolist() == [10 - 4, 6 - 4, 10 + 4, 6 + 4]  # e^0 cells of 4 pixels either way
    assert found[..., 4:].sigmoid().allclose(torch.tensor(0.01))


def test_boxes_are_exact_under_bfloat16():
    network = Detector(spec_of((1, 256, 256), 7), (4, 6)).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = network(torch.randn(1, 1, 256, 256))
    assert found.dtype == torch.float32
    assert (found[0, 0, :, [0, 2]].mean(1) - (torch.arange(128) + 0.5) * 2).abs().median() < 2


@pytest.mark.parametrize("sides", [(15, 16), (16, 18)])
def test_images_that_can_not_be_halved_are_refused(sides):
    with pytest.raises(ConfigError, match=r"model\.channels=\[4, 6, 8\]: 3 stages"):
        Detector(spec_of((1, *sides), 7), (4, 6, 8))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [name for name in Options().names("init") if name not in ("checkpoint", "pretrained")])
def test_every_initializer_starts_it(model, name):
    torch.manual_seed(0)
    network = MODELS[model]()
    init = Node("init", content("init", name), (), BY_NAME["init"]).make()
    init(network)
    if init.examples:
        from runner.engine.batch import Batch

        init.adapt(network, Batch(torch.randn(8, 1, 16, 16), torch.zeros(8)))
    assert network.eval()(torch.randn(2, 1, 16, 16)).isfinite().all()
