"""The loss of masks by hand; as a whole, against torchvision's, in tests/model/test_mask_rcnn.py."""

import math

import pytest
import torch
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.spec import Field, Spec
from runner.loss.faster_rcnn import FasterRCNN
from runner.loss.mask_rcnn import MaskRCNN
from runner.task.boxes.stages import MASKED, NONE

SPEC = Spec("instance_segmentation", Field("image", (1, 8, 8)), Field("instances", (2, 69), 2), {}, 6)
BOXES = [[1.0, 0, 0, 4, 4], [0.0, 4, 4, 8, 8]]


def rows(kinds, boxes, logits):
    """Rows with masks of 4 x 4, of which nothing else is asked."""
    one = torch.zeros(1, len(kinds), 12)
    one[0, :, 6:10] = torch.tensor(boxes)
    one[0, :, 11] = torch.tensor(kinds)
    return torch.cat([one, logits.expand(1, len(kinds), 16)], 2)


@pytest.fixture
def batch():
    mask = torch.zeros(1, 2, 8, 8)
    mask[0, 0, :4, :2] = 1  # the left half of the first box
    mask[0, 1, 4:, 4:] = 1
    targets = torch.cat([torch.tensor([BOXES]), mask.flatten(2)], 2)
    return Batch(torch.zeros(1, 1, 8, 8), targets)


def of_masks(outputs, batch):
    whole = MaskRCNN(SPEC)(outputs, batch)
    return float(whole - FasterRCNN(SPEC)(outputs[..., :12], batch.changed(targets=batch.targets[..., :5])))


def test_it_is_the_mean_over_boxes_with_a_thing_of_the_mean_over_pixels(batch):
    boxes = [part[1:] for part in BOXES]
    kinds = [MASKED - 1.0, MASKED - 0.0]
    assert of_masks(rows(kinds, boxes, torch.zeros(16)), batch) == pytest.approx(math.log(2))
    value = of_masks(rows(kinds, boxes, torch.full((16,), 3.0)), batch)
    full, empty = (float(F.softplus(torch.tensor(part))) for part in (-3.0, 3.0))
    assert value == pytest.approx((full + (full + empty) / 2) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "box"),
    [(MASKED - 0.0, [0.0, 0, 4, 4]), (MASKED - 1.0, [0.0, 4, 4, 8]), (NONE, [0.0, 0, 4, 4])],
    ids=["another class", "another place", "no box"],
)
def test_boxes_without_their_thing_count_for_nothing(kind, box, batch):
    assert of_masks(rows([kind], [box], torch.full((16,), 3.0)), batch) == 0
