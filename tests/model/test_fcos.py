"""FCOS and RetinaNet: outputs, boxes and losses are torchvision's with copied weights; runs, resumed and refused."""

import pytest
import torch
from torchvision.models import detection

from runner.data.digit_composites import DigitComposites
from runner.engine.batch import Batch
from runner.engine.metric import Scored
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.loss import fcos, retinanet
from runner.loss.auto import Auto
from runner.metric.map50 import MeanAP50
from runner.metric.statistic.detections import Detections
from runner.model.base import declared
from runner.model.fcos import FCOS
from runner.model.retinanet import RetinaNet
from runner.run import evaluate_run, resume
from runner.task.detection import Detection
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

SIDE, CLASSES = 128, 3
LOSSES = {FCOS: fcos.FCOS, RetinaNet: retinanet.RetinaNet}
NORM = {FCOS: {}, RetinaNet: {"norm": "none"}}
BUILD = {FCOS: detection.fcos_resnet50_fpn, RetinaNet: detection.retinanet_resnet50_fpn}
each = pytest.mark.parametrize("model", BUILD)


def spec_of(shape, classes=CLASSES):
    return Spec("detection", Field("image", shape), Field("boxes", (None, 5), classes), num_outputs=4 + classes)


@pytest.fixture(scope="module")
def pairs():
    """Torchvision's networks, which take the images as they are, and ours with their weights."""
    made = {}
    for model, build in BUILD.items():
        torch.manual_seed(0)
        as_is = {"min_size": SIDE, "max_size": SIDE, "image_mean": [0.0] * 3, "image_std": [1.0] * 3}
        told = {"score_thresh": 0.3, "nms_thresh": 0.5, "detections_per_img": 25}
        theirs = build(weights=None, weights_backbone=None, num_classes=CLASSES, **as_is, **told)
        for head in (theirs.head.classification_head.cls_logits, theirs.head.regression_head.bbox_reg):
            torch.nn.init.normal_(head.weight, std=0.02)
            torch.nn.init.normal_(head.bias, std=0.5)
        with torch.device("meta"):
            ours = model(spec_of((3, SIDE, SIDE)), 50, channels=256, **NORM[model])
        state = theirs.state_dict()
        assert [(n, t.shape) for n, t in ours.state_dict().items()] == [(n, t.shape) for n, t in state.items()]
        ours.load_state_dict(state, assign=True)
        made[model] = (ours.eval(), theirs.eval())
    return made


@pytest.fixture
def images():
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@each
def test_with_copied_weights_its_boxes_are_torchvisions(model, pairs, images):
    ours, theirs = pairs[model]
    with torch.no_grad():
        outputs = ours(images)
        found = Detection(spec_of((3, SIDE, SIDE)), score_threshold=0.3).predict(outputs)
        expected = theirs(list(images))
    assert (found[..., 0] >= 0).sum() > 20
    for mine, its in zip(found, expected, strict=True):
        rows = torch.cat([its["labels"][:, None].float(), its["boxes"], its["scores"][:, None]], 1)
        torch.testing.assert_close(mine[mine[:, 0] >= 0], rows, rtol=1e-4, atol=1e-3)


def targets():
    """Boxes of all sizes, one of them in another, and an image without any."""
    some = [
        [0, 10.3, 12.1, 40.7, 50.2], [2, 60.4, 8.9, 75.6, 21.3], [1, 15.2, 20.1, 28.3, 33.9],
        [1, 3.7, 2.9, 120.1, 125.3], [0, 90.1, 90.7, 112.8, 119.9],
    ]  # fmt: skip
    return torch.tensor([some, [[-1.0] * 5] * 5])


@each
def test_its_loss_is_torchvisions(model, pairs, images):
    """Theirs of FCOS divides by the cells that tell a box, where ours divides by images."""
    ours, theirs = pairs[model]
    spec = spec_of((3, SIDE, SIDE))
    loss = Auto(spec, declared(model).loss)
    assert type(loss) is LOSSES[model]
    boxes = targets()
    outputs = ours(images).detach().requires_grad_()
    value = loss(outputs, Batch(images, boxes))
    theirs.train()
    for norm in theirs.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.eval()
    told = [{"boxes": b[b[:, 0] >= 0, 1:], "labels": b[b[:, 0] >= 0, 0].long()} for b in boxes]
    with torch.no_grad():
        expected = sum(theirs(list(images), told).values())
    theirs.eval()
    if model is FCOS:
        cells = outputs[0, :, 4 + CLASSES : 8 + CLASSES].detach()
        expected = expected * fcos.assign(boxes, cells, 1.5)[1].sum() / len(images)
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-4)
    value.backward()
    assert outputs.grad.isfinite().all()
    assert not outputs.grad[1, :, :4].any()


@each
@pytest.mark.parametrize("sides", [(28, 28), (17, 40), (65, 70)])
def test_images_of_any_size_are_taken(model, sides):
    network = model(spec_of((1, *sides)), width=0.25, channels=32).eval()
    x = torch.randn(2, 1, *sides)
    with torch.no_grad():
        together = network(x)
        torch.testing.assert_close(torch.cat([network(x[:1]), network(x[1:])]), together, rtol=1e-3, atol=1e-3)
    Detection(spec_of((1, *sides))).check(together, Batch(x, torch.zeros(2, 1, 5)))
    anchors = together[0, :, 4 + CLASSES : 8 + CLASSES]
    assert (anchors[:, 2:] > anchors[:, :2]).all()
    assert ((anchors[:, :2] + anchors[:, 2:]) / 2 < torch.tensor(sides[::-1])).all()


@each
def test_every_parameter_is_learnt(model):
    torch.manual_seed(0)
    network = model(spec_of((1, 32, 32)), width=0.25, channels=32)
    network(torch.randn(4, 1, 32, 32)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or model is FCOS, name  # distances behind a relu may all be 0 at first


def test_anchors_that_overlap_a_box_most_tell_it_and_those_between_are_not_asked():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 4.5], [20, 20, 30, 30], [0, 0, 10, 12]])
    boxes = torch.tensor([[[1.0, 0, 0, 10, 10], [2, 28, 28, 32, 32], [-1, -1, -1, -1, -1]]])
    found, tells, empty = retinanet.match(boxes, anchors, 0.5, 0.4)
    assert tells[0].tolist() == [True, False, True, True]
    assert empty[0].tolist() == [False, False, False, False]  # 0.45 is neither
    assert found[0, [0, 2, 3], 0].tolist() == [1, 2, 1]


DATA = ("data=digit_composites", "data.task=detection", "data.images=60", "data.size=16", "data.batch_size=8")
SMALL = ("trainer.images=0", "model.width=0.25", "model.channels=32")
MORE = ("trainer.precision=bf16", "trainer.accumulate=2", "trainer.max_epochs=2", "regularization=[ema]")


@each
def test_a_run_is_resumed_exactly_and_evaluated(model, go, tmp_path):
    overrides = [*DATA, *SMALL, *MORE, f"model={model.__name__.lower()}"]
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []
    assert evaluate_run("whole")["loss"] > 0


@each
def test_micro_batches_add_up_to_the_whole_batch(model, pairs, images):
    loss = LOSSES[model](spec_of((3, SIDE, SIDE)))
    with torch.no_grad():
        outputs, boxes = pairs[model][0](images), targets()
        parts = [loss(outputs[i : i + 1], Batch(images[i : i + 1], boxes[i : i + 1])) for i in range(2)]
        torch.testing.assert_close(sum(parts) / 2, loss(outputs, Batch(images, boxes)))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("model=detector", "loss=retinanet"), "loss=retinanet is for networks with anchors"),
        (("model=retinanet", "loss=retinanet", "loss.background=0.6"), r"loss\.background=0\.6"),
        (("model=retinanet", "model.channels=40"), r"model\.channels=40: .* or model\.norm=none"),
        (("model=fcos", "model.channels=40"), r"model\.channels=40: expected a multiple of 32"),
    ],
)
def test_what_does_not_fit_is_refused(overrides, said, go):
    with pytest.raises(ConfigError, match=said):
        go(*DATA, *overrides)


@pytest.mark.slow
@each
def test_four_images_are_learnt_by_heart(model):
    """A head that starts without a signal, as RetinaNet's without norm with few channels, finds nothing by then."""
    torch.manual_seed(0)
    data = DigitComposites(task="detection", images=40).load()
    task = Detection(data.spec.with_outputs(Detection.num_outputs(data.spec)))
    network, loss = model(task.spec, width=0.5, channels=32), LOSSES[model](task.spec)
    batch = data.train.read(torch.arange(4))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss(network(batch.inputs), batch).backward()
        optimizer.step()
    statistic = Detections(task.spec)
    with torch.no_grad():
        statistic.update(Scored(task.predict(network(batch.inputs)), batch.targets))
    assert MeanAP50().compute(statistic.total) > 0.6
