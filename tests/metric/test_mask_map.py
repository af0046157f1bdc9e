"""Mean average precision of masks: against COCO's own code, in any grouping."""

import numpy as np
import pytest
import torch
from torchmetrics.detection import MeanAveragePrecision

from runner.engine.metric import Scored
from runner.engine.spec import Field, Spec
from runner.metric.mask_map import MaskMeanAP
from runner.metric.mask_map50 import MaskMeanAP50
from runner.metric.statistic.masks import Masks
from runner.task.boxes.instances import pasted
from tests.metric.test_map import draw

SIDE, CELLS = 64, 6
SPEC = Spec("instance_segmentation", Field("image", (1, SIDE, SIDE)), Field("instances", (4, 5 + SIDE**2), 4))


def with_masks(seed, **more):
    """What `draw` gives: true masks are blobs in their boxes, told ones are likewise, and partly wrong."""
    predictions, targets = draw(seed, **more)
    generator = torch.Generator().manual_seed(seed)
    cells = (torch.rand(*targets.shape[:2], CELLS, CELLS, generator=generator) < 0.8).float()
    masks = [pasted(boxes[:, 1:], own, SIDE, SIDE) >= 0.5 for boxes, own in zip(targets, cells, strict=True)]
    told = (torch.rand(*predictions.shape[:2], CELLS**2, generator=generator) < 0.9).float()
    return torch.cat([predictions, told], 2), torch.cat([targets, torch.stack(masks).flatten(2).float()], 2)


def measure(predictions, targets, size):
    statistic = Masks(SPEC)
    for p, t in zip(predictions.split(size), targets.split(size), strict=True):
        statistic.update(Scored(p, t))
    return MaskMeanAP().compute(statistic.total).item(), MaskMeanAP50().compute(statistic.total).item()


def cocos(predictions, targets):
    exact = {"iou_thresholds": np.linspace(0.5, 0.95, 10).tolist(), "rec_thresholds": np.linspace(0, 1, 101).tolist()}
    # with masks alone, torchmetrics leaves out images without a true one
    metric = MeanAveragePrecision(iou_type=("bbox", "segm"), backend="pycocotools", **exact)
    for p, t in zip(predictions, targets, strict=True):
        p, t = p[p[:, 0] >= 0], t[t[:, 0] != -1]
        masks = pasted(p[:, 1:5], p[:, 6:].unflatten(1, (CELLS, CELLS)), SIDE, SIDE) >= 0.5
        crowd = t[:, 0] < 0
        labels = t[:, 0].where(~crowd, -2 - t[:, 0]).long()
        metric.update(
            [{"boxes": p[:, 1:5], "masks": masks, "scores": p[:, 5], "labels": p[:, 0].long()}],
            [
                {
                    "boxes": t[:, 1:5],
                    "masks": t[:, 5:].unflatten(1, (SIDE, SIDE)).bool(),
                    "labels": labels,
                    "iscrowd": crowd.long(),
                }
            ],
        )
    found = metric.compute()
    return found["segm_map"].item(), found["segm_map_50"].item()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 25])
def test_is_that_of_cocos_own_code_in_any_grouping(seed, size):
    predictions, targets = with_masks(seed)
    expected = cocos(predictions, targets)
    assert 0 < expected[0] < expected[1] < 1
    assert measure(predictions, targets, size) == pytest.approx(expected, abs=1e-6)


def test_crowds_count_for_nothing_as_in_cocos_own_code():
    predictions, targets = with_masks(0, true=6)
    crowds = (torch.rand(targets.shape[:2], generator=torch.Generator().manual_seed(0)) < 0.3) & (targets[..., 0] >= 0)
    targets[..., 0] = torch.where(crowds, -2 - targets[..., 0], targets[..., 0])
    assert measure(predictions, targets, 4) == pytest.approx(cocos(predictions, targets), abs=1e-6)
