"""Faster R-CNN: boxes and losses are torchvision's with copied weights; true boxes are shown in training alone."""

import pytest
import torch
from torchvision.models import detection

from runner.engine.batch import Batch
from runner.engine.evaluate import evaluate
from runner.engine.meter import Meter
from runner.engine.precision import Precision
from runner.engine.split import TensorSplit
from runner.errors import ConfigError, Interrupted
from runner.loss.auto import Auto
from runner.loss.faster_rcnn import FasterRCNN as Loss
from runner.model.base import declared
from runner.model.faster_rcnn import FasterRCNN
from runner.run import evaluate_run, load, resume
from runner.run.assembly import evaluation_batches, load_data
from runner.task.boxes.stages import ANYTHING, NONE, stages
from runner.task.boxes.told import told
from runner.task.detection import Detection
from tests.faults.kill_resume import content, same
from tests.model.test_fcos import CLASSES, DATA, MORE, SIDE, images, spec_of, targets  # noqa: F401
from tests.test_run import StopAtStep

CPU = torch.device("cpu")
MOST = 40  # proposals
SCALE = 0.02
ALL = 10**6


@pytest.fixture(scope="module")
def pair():
    """Torchvision's network, which takes the images as they are and draws all places, and ours with its weights."""
    torch.manual_seed(0)
    theirs = detection.fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=1 + CLASSES, min_size=SIDE, max_size=SIDE,
        image_mean=[0.0] * 3, image_std=[1.0] * 3, box_score_thresh=0.3, box_detections_per_img=25,
        rpn_pre_nms_top_n_train=MOST, rpn_post_nms_top_n_train=MOST, rpn_batch_size_per_image=ALL,
        rpn_pre_nms_top_n_test=MOST, rpn_post_nms_top_n_test=MOST, box_batch_size_per_image=ALL,
        box_positive_fraction=0.5,
    )  # fmt: skip
    for layer in (*theirs.rpn.head.modules(), *theirs.roi_heads.box_predictor.modules()):
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=0.02)
            torch.nn.init.normal_(layer.bias, std=0.5)
    for block in theirs.backbone.fpn.layer_blocks:  # else weights as drawn make logits that are all of probability 1
        block[0].weight.data *= SCALE
    with torch.device("meta"):
        ours = FasterRCNN(spec_of((3, SIDE, SIDE)), 50, channels=256, hidden=1024, proposals=MOST)
    state = theirs.state_dict()
    assert [(n, t.shape) for n, t in ours.state_dict().items()] == [(n, t.shape) for n, t in state.items()]
    ours.load_state_dict(state, assign=True)
    return ours.eval(), theirs.eval()


def test_with_copied_weights_its_boxes_are_torchvisions(pair, images):  # noqa: F811
    ours, theirs = pair
    with torch.no_grad():
        found = Detection(spec_of((3, SIDE, SIDE)), score_threshold=0.3).predict(ours(images))
        expected = theirs(list(images))
    assert (found[..., 0] >= 0).sum() > 20
    for mine, its in zip(found, expected, strict=True):
        rows = torch.cat([its["labels"][:, None].float() - 1, its["boxes"], its["scores"][:, None]], 1)
        torch.testing.assert_close(mine[mine[:, 0] >= 0], rows, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("image", [0, 1])  # theirs of several is a mean over all places, not over images
def test_its_loss_is_torchvisions(pair, images, image):  # noqa: F811
    ours, theirs = pair
    spec = spec_of((3, SIDE, SIDE))
    loss = Auto(spec, declared(FasterRCNN).loss)
    assert type(loss) is Loss
    loss = Loss(spec, anchors=ALL, proposals=ALL, proposal_share=0.5)
    x, boxes = images[image : image + 1], targets()[image : image + 1]
    outputs = ours(x, boxes).detach().requires_grad_()
    value = loss(outputs, Batch(x, boxes))
    there = boxes[0, :, 0] >= 0
    theirs.train()
    for norm in theirs.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.eval()
    with torch.no_grad():
        each = theirs(list(x), [{"boxes": boxes[0, there, 1:], "labels": boxes[0, there, 0].long() + 1}])
    theirs.eval()
    if not image:
        assert min(part.item() for part in each.values()) > 0
    torch.testing.assert_close(value, sum(each.values()), rtol=1e-4, atol=1e-4)
    value.backward()
    assert outputs.grad.isfinite().all()
    assert image == 0 or not outputs.grad[..., :4].any()


SPEC = spec_of((1, 32, 32))


@pytest.fixture
def small():
    torch.manual_seed(0)
    return FasterRCNN(SPEC, width=0.25, channels=16, hidden=32, proposals=8)


BOXES = torch.tensor([[[0.0, 4, 4, 12, 14], [2, 16, 10, 30, 22]], [[1.0, 3, 3, 11, 11], [-1.0] * 5]])


def test_what_it_tells_of_boxes_that_it_was_shown_is_in_no_prediction(small):
    """In evaluation mode, so that batch normalization can't tell."""
    x = torch.randn(2, 1, 32, 32)
    small.eval()
    with torch.no_grad():
        without, shown = small(x), small(x, BOXES)
    task = Detection(SPEC, score_threshold=0.0)
    assert shown.shape[1] == without.shape[1] + 2 * (1 + CLASSES)
    torch.testing.assert_close(task.predict(shown), task.predict(without), rtol=0, atol=0)
    assert told(shown, CLASSES).scores[:, without.shape[1] :].max() == 0
    there = stages(shown, CLASSES).kinds[:, without.shape[1] :].unflatten(1, (2, -1))[..., 0] != NONE
    assert there.tolist() == [[True, True], [True, False]]


def test_the_loss_is_the_same_however_many_boxes_are_filled_up(small):
    x, loss = torch.randn(2, 1, 32, 32), Loss(SPEC)
    more = torch.cat([BOXES, torch.full((2, 3, 5), -1.0)], 1)
    small.eval()
    torch.testing.assert_close(loss(small(x, BOXES), Batch(x, BOXES)), loss(small(x, more), Batch(x, more)))


def test_every_parameter_is_learnt(small):
    x = torch.randn(2, 1, 32, 32)
    Loss(SPEC)(small(x, BOXES), Batch(x, BOXES)).backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


def test_micro_batches_add_up_to_the_whole_batch(small):
    x, loss = torch.randn(2, 1, 32, 32), Loss(SPEC)
    small.eval()
    with torch.no_grad():
        parts = [loss(small(x[i, None], BOXES[i, None]), Batch(x[i, None], BOXES[i, None])) for i in range(2)]
        torch.testing.assert_close(sum(parts) / 2, loss(small(x, BOXES), Batch(x, BOXES)))


@pytest.mark.parametrize("sides", [(28, 28), (17, 40), (65, 70)])
def test_images_of_any_size_are_taken(sides):
    network = FasterRCNN(spec_of((1, *sides)), width=0.25, channels=16, hidden=16).eval()
    x = torch.randn(2, 1, *sides)
    with torch.no_grad():
        together = network(x)
        torch.testing.assert_close(torch.cat([network(x[:1]), network(x[1:])]), together, rtol=1e-3, atol=1e-3)
    Detection(spec_of((1, *sides))).check(together, Batch(x, torch.zeros(2, 1, 5)))
    found = stages(together, CLASSES)
    anchors = found.anchors[found.kinds == ANYTHING]
    assert (anchors[:, 2:] > anchors[:, :2]).all()


def test_an_image_of_which_nothing_is_proposed_is_taken(small):
    """Boxes of weights that run away have no sides; nothing is told then, and the loss stays a number."""
    torch.nn.init.constant_(small.rpn["head"].bbox_pred.bias, 1e6)
    x = torch.randn(2, 1, 32, 32)
    outputs = small(x)
    assert (Detection(SPEC).predict(outputs) == -1).all()
    assert Loss(SPEC)(outputs, Batch(x, BOXES)).isfinite()


SMALL = ("trainer.images=0", "model=faster_rcnn", "model.width=0.25", "model.channels=16", "model.hidden=32")


@pytest.fixture
def seen(monkeypatch):
    """What the network is given beside images: whether it is in training, and whether there are targets."""
    calls, forward = set(), FasterRCNN.forward

    def spy(self, x, targets=None):
        calls.add((self.training, targets is not None))
        return forward(self, x, targets)

    monkeypatch.setattr(FasterRCNN, "forward", spy)
    return calls


def test_a_run_is_resumed_exactly_and_targets_are_given_in_training_alone(go, tmp_path, seen):
    overrides = [*DATA, *SMALL, *MORE]
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []
    assert evaluate_run("whole")["loss"] > 0
    assert seen == {(True, True), (False, False)}


def test_predictions_of_validation_do_not_change_with_its_targets(go):
    go(*DATA, *SMALL, "trainer.max_epochs=1", folder="run")
    network, outputs = load("run"), []
    part = load_data(network.recipe).val
    val = part.read(torch.arange(len(part)))
    for boxes in (val.targets, val.targets.flip(0, 1)):
        batches = evaluation_batches(network.recipe, TensorSplit(val.inputs, boxes), CPU, False)
        meter = Meter(network.task, [])
        told = []
        evaluate(network.model, batches, meter, network.loss, Precision("fp32", CPU), lambda o, _, t=told: t.append(o))
        outputs.append(torch.cat(told))
    assert torch.equal(*outputs)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("model=faster_rcnn", "loss=fcos"), "loss=fcos is for one-stage networks"),
        (("model=faster_rcnn", "loss=retinanet"), "loss=retinanet is for networks with anchors"),
        (("model=detector", "loss=faster_rcnn"), "loss=faster_rcnn is for two-stage networks"),
        (("model=faster_rcnn", "loss=faster_rcnn", "loss.background=0.8"), r"loss\.background=0\.8"),
    ],
)
def test_what_does_not_fit_is_refused(overrides, said, go):
    with pytest.raises(ConfigError, match=said):
        go(*DATA, *overrides)
