"""FCN and DeepLab: torchvision's with copied weights, any size of images, every parameter learnt."""

import pytest
import torch
from torchvision.models import segmentation

from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.model.backbone.stages import Stages
from runner.model.deeplab import DeepLab
from runner.model.fcn import FCN
from runner.run import evaluate_run, resume
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

THEIRS = {FCN: segmentation.fcn_resnet50, DeepLab: segmentation.deeplabv3_resnet50}
each = pytest.mark.parametrize("model", THEIRS)


def spec_of(shape, outputs=5):
    return Spec("segmentation", Field("image", shape), Field("mask", shape[1:], outputs), num_outputs=outputs)


@each
def test_with_copied_weights_it_is_torchvisions(model):
    theirs = THEIRS[model](weights=None, weights_backbone=None, num_classes=5).eval()
    with torch.device("meta"):
        ours = model(spec_of((3, 70, 90)), 50, output_stride=8)
    state = theirs.state_dict()
    assert [(n, t.shape) for n, t in ours.state_dict().items()] == [(n, t.shape) for n, t in state.items()]
    ours.load_state_dict(state, assign=True)
    x = torch.randn(1, 3, 70, 90)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs(x)["out"])


@each
@pytest.mark.parametrize("sides", [(28, 28), (32, 32), (17, 40), (65, 66)])
def test_a_mask_is_as_large_as_its_image(model, sides):
    network = model(spec_of((1, *sides)), width=0.25).eval()
    x = torch.randn(2, 1, *sides)
    with torch.no_grad():
        together = network(x)
        assert together.shape == (2, 5, *sides)
        torch.testing.assert_close(torch.cat([network(x[:1]), network(x[1:])]), together)


@each
def test_every_parameter_is_learnt(model):
    torch.manual_seed(0)
    network = model(spec_of((1, 16, 16)), width=0.5)
    network(torch.randn(4, 1, 16, 16)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


@pytest.mark.parametrize(
    ("sides", "depth", "stride", "cells"),
    [
        ((32, 32), 20, None, [32, 16, 8]),
        ((32, 32), 20, 2, [32, 16, 16]),
        ((32, 32), 20, 1, [32, 32, 32]),
        ((32, 32), 18, 4, [32, 16, 8, 8]),
        ((72, 72), 18, 8, [18, 9, 9, 9]),
    ],
)
def test_no_map_is_coarser_than_asked_for(sides, depth, stride, cells):
    stages = Stages(spec_of((1, *sides)), depth, 0.25, stride)
    maps = stages(torch.zeros(2, 1, *sides))
    assert [(m.shape[1], m.shape[2]) for m in maps] == list(zip(stages.channels, cells, strict=True))


def test_an_output_stride_below_that_of_the_stem_is_refused():
    with pytest.raises(ConfigError, match=r"model\.output_stride=2: .* Expected at least 4"):
        FCN(spec_of((3, 65, 65)), output_stride=2)


DATA = ("data=digit_composites", "data.images=60", "data.size=16", "data.batch_size=8", "trainer.images=0")
MORE = ("trainer.precision=bf16", "trainer.accumulate=2", "trainer.max_epochs=2", "regularization=[ema,dropout]")


@each
def test_a_run_is_resumed_exactly_and_evaluated(model, go, tmp_path):
    overrides = [*DATA, *MORE, f"model={model.__name__.lower()}", "model.width=0.25", "model.dropout=0"]
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []
    assert evaluate_run("whole")["mean_iou"] >= 0
