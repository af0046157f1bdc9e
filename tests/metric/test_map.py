"""Mean average precision: against COCO's own code, hand-made cases, any grouping, and counted."""

import numpy as np
import pytest
import torch
from torchmetrics.detection import MeanAveragePrecision

from runner.engine.metric import Scored
from runner.engine.spec import Field, Spec
from runner.metric.map import MeanAP
from runner.metric.map50 import MeanAP50
from runner.metric.statistic.detections import Detections

SPEC = Spec("detection", Field("image", (1, 64, 64)), Field("boxes", (4, 5), 4))


def measure(predictions, targets, size=3):
    statistic = Detections(SPEC)
    for p, t in zip(predictions.split(size), targets.split(size), strict=True):
        statistic.update(Scored(p, t))
    return MeanAP().compute(statistic.total).item(), MeanAP50().compute(statistic.total).item()


def draw(seed, images=25, told=8, true=4, classes=4):
    """True boxes, and told ones near them, doubled, of another class, or anywhere; some images without."""
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.rand(*shape, generator=generator)

    corners = rand(images, true, 2) * 40
    targets = torch.cat(
        [(rand(images, true, 1) * classes).floor(), corners, corners + 5 + 15 * rand(images, true, 2)], -1
    )
    source = (rand(images, told) * true).long()[..., None].expand(-1, -1, 5)
    predictions = torch.cat([targets.gather(1, source), rand(images, told, 1)], -1)
    predictions[..., 1:5] += 3 * (rand(images, told, 4) - 0.5) * rand(images, told, 1) * 2
    wrong = rand(images, told) < 0.2
    predictions[..., 0] = torch.where(wrong, (rand(images, told) * classes).floor(), predictions[..., 0])
    targets[rand(images, true) < 0.4] = -1
    predictions[rand(images, told) < 0.3] = -1
    targets[0], predictions[1], targets[2], predictions[2] = -1, -1, -1, -1
    return predictions, targets


def cocos(predictions, targets):
    exact = {"iou_thresholds": np.linspace(0.5, 0.95, 10).tolist(), "rec_thresholds": np.linspace(0, 1, 101).tolist()}
    metric = MeanAveragePrecision(backend="pycocotools", **exact)  # its own thresholds are rounded to float32
    for p, t in zip(predictions, targets, strict=True):
        p, t = p[p[:, 0] >= 0], t[t[:, 0] != -1]
        crowd = t[:, 0] < 0
        labels = t[:, 0].where(~crowd, -2 - t[:, 0]).long()
        metric.update(
            [{"boxes": p[:, 1:5], "scores": p[:, 5], "labels": p[:, 0].long()}],
            [{"boxes": t[:, 1:], "labels": labels, "iscrowd": crowd.long()}],
        )
    found = metric.compute()
    return found["map"].item(), found["map_50"].item()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [1, 4, 25])
def test_is_that_of_cocos_own_code_in_any_grouping(seed, size):
    predictions, targets = draw(seed)
    assert measure(predictions, targets, size) == pytest.approx(cocos(predictions, targets), abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_crowds_count_for_nothing_as_in_cocos_own_code(seed, monkeypatch):
    predictions, targets = draw(seed, true=6)
    crowds = (torch.rand(targets.shape[:2], generator=torch.Generator().manual_seed(seed)) < 0.3) & (
        targets[..., 0] >= 0
    )
    without = targets.clone()
    without[crowds] = -1
    targets[..., 0] = torch.where(crowds, -2 - targets[..., 0], targets[..., 0])
    targets[..., 1:] += torch.tensor([-6.0, -6, 6, 6]) * crowds[..., None]
    expected = cocos(predictions, targets)
    assert abs(expected[0] - cocos(predictions, without)[0]) > 0.005
    assert measure(predictions, targets) == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(Detections, "limit", 100)
    assert measure(predictions, targets) == pytest.approx(expected, abs=5e-3)


def test_a_crowd_takes_any_number_of_boxes_but_none_of_another_class():
    crowd = [-3.0, 0.0, 0.0, 30.0, 30.0]  # of class 1
    far = [1.0, 40.0, 40.0, 50.0, 50.0]
    told = [[*BOX, 0.9], [1.0, 5.0, 5.0, 15.0, 15.0, 0.8], [*far, 0.7]]
    assert by_hand(told, [crowd, far]) == pytest.approx((1.0, 1.0))
    assert by_hand(told, [[-2.0, *crowd[1:]], far])[1] == pytest.approx(1 / 3)


def test_a_class_that_is_told_but_never_there_is_left_out():
    predictions, targets = draw(1, classes=2)
    predictions[3, :, 0] = torch.where(predictions[3, :, 0] < 0, -1.0, 3.0)
    assert measure(predictions, targets) == pytest.approx(cocos(predictions, targets), abs=1e-6)


BOX = [1.0, 10.0, 10.0, 20.0, 20.0]
NONE = [-1.0] * 5


def by_hand(told, true):
    return measure(torch.tensor([told]), torch.tensor([true]))


def test_a_box_told_exactly_is_worth_one():
    assert by_hand([[*BOX, 0.3]], [BOX]) == pytest.approx((1.0, 1.0))


def test_nothing_told_is_worth_nothing():
    assert by_hand([[*NONE, -1.0]], [BOX]) == (0.0, 0.0)


def test_an_image_without_anything_has_no_score():
    assert all(value != value for value in by_hand([[*NONE, -1.0]], [NONE]))


def test_a_box_told_twice_is_right_once():
    """The second is wrong, and comes after the first: precision is 1 at every recall. Before it, a half."""
    other = [1.0, 40.0, 40.0, 50.0, 50.0]
    assert by_hand([[*BOX, 0.9], [*BOX, 0.8]], [BOX]) == pytest.approx((1.0, 1.0))
    expected = (51 + 50 * 2 / 3) / 101  # recall to 0.5 at precision 1, then 2 of 3
    assert by_hand([[*BOX, 0.9], [*BOX, 0.8], [*other, 0.7]], [BOX, other])[1] == pytest.approx(expected)


def test_another_class_is_wrong():
    assert by_hand([[0.0, *BOX[1:], 0.9]], [BOX]) == (0.0, 0.0)


def test_beyond_the_limit_boxes_are_counted_with_a_small_error_that_no_grouping_changes(monkeypatch):
    predictions, targets = draw(5, images=200)
    exact = measure(predictions, targets)
    monkeypatch.setattr(Detections, "limit", 1000)
    counted = {measure(predictions, targets, size) for size in (1, 7, 200)}
    assert len(counted) == 1
    assert counted.pop() == pytest.approx(exact, abs=5e-3)
