"""Mask R-CNN: masks and losses are torchvision's with copied weights; runs are resumed; what it tells reads in COCO."""

import json
from functools import partial

import pytest
import torch
from pycocotools import mask as coco
from torchvision.models import detection
from torchvision.models.detection import roi_heads

from runner.engine.batch import Batch
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.loss.auto import Auto
from runner.loss.mask_rcnn import MaskRCNN as Loss
from runner.model.base import declared
from runner.model.mask_rcnn import MaskRCNN
from runner.run import evaluate_run, resume
from runner.task.boxes.instances import pasted, run_lengths
from runner.task.instance_segmentation import InstanceSegmentation
from tests.faults.kill_resume import content, same
from tests.model.test_fcos import CLASSES, SIDE, images, targets  # noqa: F401
from tests.test_run import StopAtStep

MOST, ALL, SCALE, MASK = 40, 10**6, 0.02, 28


def spec_of(shape):
    width = 5 + shape[1] * shape[2]
    return Spec(
        "instance_segmentation", Field("image", shape), Field("instances", (None, width), CLASSES), {}, 4 + CLASSES
    )


def with_masks(boxes, height, width):
    """An ellipse in each box."""
    y, x = (torch.arange(side) + 0.5 for side in (height, width))
    left, top, right, bottom = (part[..., None, None] for part in boxes[..., 1:].unbind(-1))
    off = ((x - (left + right) / 2) / (right - left)) ** 2 + ((y[:, None] - (top + bottom) / 2) / (bottom - top)) ** 2
    return torch.cat([boxes, (off <= 0.25).float().flatten(2)], 2)


@pytest.fixture(scope="module")
def pair():
    """Torchvision's network, which takes the images as they are and draws all places, and ours with its weights."""
    torch.manual_seed(0)
    theirs = detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=1 + CLASSES, min_size=SIDE, max_size=SIDE,
        image_mean=[0.0] * 3, image_std=[1.0] * 3, box_score_thresh=0.3, box_detections_per_img=25,
        rpn_pre_nms_top_n_train=MOST, rpn_post_nms_top_n_train=MOST, rpn_batch_size_per_image=ALL,
        rpn_pre_nms_top_n_test=MOST, rpn_post_nms_top_n_test=MOST, box_batch_size_per_image=ALL,
        box_positive_fraction=0.5,
    )  # fmt: skip
    heads = (theirs.rpn.head, theirs.roi_heads.box_predictor, theirs.roi_heads.mask_predictor.mask_fcn_logits)
    for layer in (layer for head in heads for layer in head.modules()):
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=0.02)
            torch.nn.init.normal_(layer.bias, std=0.5)
    for block in theirs.backbone.fpn.layer_blocks:  # else weights as drawn make logits that are all of probability 1
        block[0].weight.data *= SCALE
    theirs.transform.postprocess = lambda found, *_: found  # masks in the frames of their boxes
    with torch.device("meta"):
        ours = MaskRCNN(
            spec_of((3, SIDE, SIDE)), 50, channels=256, hidden=1024, proposals=MOST, mask_size=MASK, boxes=MOST + 5
        )
    state = theirs.state_dict()
    assert [(n, t.shape) for n, t in ours.state_dict().items()] == [(n, t.shape) for n, t in state.items()]
    ours.load_state_dict(state, assign=True)
    return ours.eval(), theirs.eval()


def test_with_copied_weights_its_masks_are_torchvisions(pair, images):  # noqa: F811
    ours, theirs = pair
    with torch.no_grad():
        found = InstanceSegmentation(spec_of((3, SIDE, SIDE)), score_threshold=0.3).predict(ours(images))
        expected = theirs(list(images))
    assert (found[..., 0] >= 0).sum() > 20
    for mine, its in zip(found, expected, strict=True):
        rows = [its["labels"][:, None].float() - 1, its["boxes"], its["scores"][:, None], its["masks"].flatten(1)]
        torch.testing.assert_close(mine[mine[:, 0] >= 0], torch.cat(rows, 1), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("image", [0, 1])  # theirs of several is a mean over all places, not over images
def test_its_loss_is_torchvisions(pair, images, image, monkeypatch):  # noqa: F811
    exact = partial(roi_heads.roi_align, aligned=True)  # theirs takes masks half a pixel off
    monkeypatch.setattr(roi_heads, "roi_align", exact)
    ours, theirs = pair
    spec = spec_of((3, SIDE, SIDE))
    assert type(Auto(spec, declared(MaskRCNN).loss)) is Loss
    loss = Loss(spec, anchors=ALL, proposals=ALL, proposal_share=0.5)
    x, true = images[image : image + 1], with_masks(targets()[image : image + 1], SIDE, SIDE)
    outputs = ours(x, true).detach().requires_grad_()
    value = loss(outputs, Batch(x, true))
    there = true[0, true[0, :, 0] >= 0]
    theirs.train()
    for norm in theirs.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.eval()
    asked = {
        "boxes": there[:, 1:5],
        "labels": there[:, 0].long() + 1,
        "masks": there[:, 5:].unflatten(1, (SIDE, SIDE)).byte(),
    }
    with torch.no_grad():
        each = theirs(list(x), [asked])
    theirs.eval()
    assert image or min(part.item() for part in each.values()) > 0
    torch.testing.assert_close(value, sum(each.values()), rtol=1e-4, atol=1e-4)
    value.backward()
    assert outputs.grad.isfinite().all()
    assert bool(outputs.grad[..., 10 + CLASSES :].any()) == (image == 0)


SPEC = spec_of((1, 32, 32))
BOXES = torch.tensor([[[0.0, 4, 4, 12, 14], [2, 16, 10, 30, 22]], [[1.0, 3, 3, 11, 11], [-1.0] * 5]])
TRUE = with_masks(BOXES, 32, 32)


@pytest.fixture
def small():
    torch.manual_seed(0)
    return MaskRCNN(SPEC, width=0.25, channels=16, hidden=32, proposals=8, boxes=6)


def test_what_it_tells_of_boxes_that_it_was_shown_is_in_no_prediction(small):
    x = torch.randn(2, 1, 32, 32)
    small.eval()
    with torch.no_grad():
        task = InstanceSegmentation(SPEC, score_threshold=0.0)
        torch.testing.assert_close(task.predict(small(x, TRUE)), task.predict(small(x)), rtol=0, atol=0)


def test_the_loss_is_the_same_however_many_boxes_are_filled_up(small):
    x, loss = torch.randn(2, 1, 32, 32), Loss(SPEC)
    more = torch.cat([TRUE, torch.full((2, 3, TRUE.shape[2]), -1.0)], 1)
    small.eval()
    small.boxes = 20
    torch.testing.assert_close(loss(small(x, TRUE), Batch(x, TRUE)), loss(small(x, more), Batch(x, more)))


def test_every_parameter_is_learnt(small):
    x = torch.randn(2, 1, 32, 32)
    Loss(SPEC)(small(x, TRUE), Batch(x, TRUE)).backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


def test_micro_batches_add_up_to_the_whole_batch(small):
    x, loss = torch.randn(2, 1, 32, 32), Loss(SPEC)
    small.eval()
    with torch.no_grad():
        parts = [loss(small(x[i, None], TRUE[i, None]), Batch(x[i, None], TRUE[i, None])) for i in range(2)]
        torch.testing.assert_close(sum(parts) / 2, loss(small(x, TRUE), Batch(x, TRUE)))


def test_images_of_which_nothing_is_told_are_taken(small):
    torch.nn.init.constant_(small.rpn["head"].bbox_pred.bias, 1e6)
    x = torch.randn(2, 1, 32, 32)
    small.eval()
    outputs = small(x)
    task = InstanceSegmentation(SPEC)
    assert (task.predict(outputs)[..., 0] == -1).all()
    assert task.rows(outputs.detach())[0] == {"boxes": 0, "prediction": []}
    assert Loss(SPEC)(outputs, Batch(x, TRUE)).isfinite()


def test_a_full_mask_is_the_pixels_whose_centre_lies_in_its_box():
    boxes = torch.tensor([[2.2, 3.4, 9.6, 7.8], [0.0, 0.0, 12.0, 10.0], [-3.0, 5.3, 4.4, 20.0]])
    y, x = torch.arange(10) + 0.5, torch.arange(12) + 0.5
    left, top, right, bottom = (part[:, None, None] for part in boxes.unbind(1))
    within = (x >= left) & (x <= right) & (y[:, None] >= top) & (y[:, None] <= bottom)
    assert torch.equal(pasted(boxes, torch.ones(3, 14, 14), 10, 12) >= 0.5, within)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_run_lengths_are_read_by_coco(share):
    mask = torch.rand(7, 5, generator=torch.Generator().manual_seed(0)) < share
    told = json.loads(json.dumps(run_lengths(mask)))
    assert torch.equal(torch.from_numpy(coco.decode(coco.frPyObjects(told, *told["size"]))).bool(), mask)


DATA = ("data=digit_composites", "data.task=instance_segmentation", "data.images=60", "data.size=32")
SMALL = ("trainer.images=0", "model=mask_rcnn", "model.width=0.25", "model.channels=16", "model.hidden=32")
MORE = ("augmentation=[flip,crop,rotation]", "trainer.precision=bf16", "trainer.accumulate=2", "data.batch_size=8")


@pytest.mark.long
def test_a_run_is_resumed_exactly(go, tmp_path):
    overrides = [*DATA, *SMALL, *MORE, "trainer.max_epochs=2", "regularization=[ema]"]
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []
    assert {"loss", "mask_map", "mask_map50"} <= set(evaluate_run("whole"))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("model=mask_rcnn", "loss=faster_rcnn"), "loss=faster_rcnn"),
        (("model=faster_rcnn",), "model=faster_rcnn takes data for detection"),
        (("model=mask_rcnn", "model.mask_size=7"), r"model\.mask_size=7"),
    ],
)
def test_what_does_not_fit_is_refused(overrides, said, go):
    with pytest.raises(ConfigError, match=said):
        go(*DATA, *overrides)
