import pytest
import torch
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from runner.engine.batch import Batch
from runner.engine.spec import Field, Spec
from runner.loss.fcos import FCOS, assign, grid, sigmoid_focal

SPEC = Spec("detection", Field("image", (1, 8, 16)), Field("boxes", (2, 5), 3), num_outputs=7)
NONE = [-1.0] * 5


def outputs(seed=0, images=2):
    torch.manual_seed(seed)
    corners = torch.rand(images, 2, 4, 2) * 8
    boxes = torch.cat([corners, corners + 1 + 6 * torch.rand(images, 2, 4, 2)], -1)
    return torch.cat([boxes, torch.randn(images, 2, 4, 3)], -1).requires_grad_()


def test_focal_is_torchvisions():
    logits, targets = torch.randn(5, 4), (torch.rand(5, 4) < 0.5).float()
    expected = sigmoid_focal_loss(logits, targets, 0.3, 1.5)
    torch.testing.assert_close(sigmoid_focal(logits, targets, 0.3, 1.5), expected)


def test_cells_by_hand():
    """Cells of 4 pixels, centres at 2, 6, ...: the box around the first two of the upper row, and one too small."""
    large, tiny = [1.0, 0.5, 0.5, 7.5, 3.5], [2.0, 12.5, 4.5, 13.5, 5.5]
    boxes, there = assign(torch.tensor([[large, tiny], [NONE, NONE]]), grid(2, 4, 8, 16), 1.5)
    assert there[0].tolist() == [True, True, False, False, False, False, False, True]
    assert boxes[0, [0, 1, 7]].tolist() == [large, large, tiny]
    assert not there[1].any()


def test_of_several_boxes_a_cell_tells_the_smallest_and_none_far_from_its_centre():
    whole, part = [0.0, 0.0, 0.0, 16.0, 8.0], [1.0, 0.0, 0.0, 4.0, 4.0]
    boxes, there = assign(torch.tensor([[whole, part]]), grid(2, 4, 8, 16), 1.0)
    assert boxes[0, 0].tolist() == part
    assert there[0].tolist() == [True, True, True, False, False, True, True, False]


def test_formula_with_an_image_that_has_nothing():
    targets = torch.tensor([[[1.0, 0.5, 0.5, 7.5, 3.5], NONE], [NONE, NONE]])
    found = outputs()
    value = FCOS(SPEC, box_weight=2.0)(found, Batch(torch.zeros(2, 1, 8, 16), targets))
    classes = torch.zeros(2, 2, 4, 3)
    classes[0, 0, :2, 1] = 1
    focal = sigmoid_focal_loss(found[..., 4:], classes, reduction="sum")
    box = generalized_box_iou_loss(found[0, 0, :2, :4], targets[0, :1, 1:].expand(2, 4), reduction="sum")
    torch.testing.assert_close(value, (focal + 2 * box) / 2)
    value.backward()
    assert found.grad.isfinite().all()
    assert not found.grad[1, ..., :4].any()


def test_without_any_box_only_classes_are_learnt():
    value = FCOS(SPEC)(outputs(), Batch(torch.zeros(2, 1, 8, 16), torch.full((2, 2, 5), -1.0)))
    expected = sigmoid_focal_loss(outputs()[..., 4:], torch.zeros(2, 2, 4, 3), reduction="sum") / 2
    assert value.item() == pytest.approx(expected.item())


@pytest.mark.parametrize(("radius", "cells"), [(1.5, [0, 1, 2]), (0.9, [1])])
def test_cells_inside_a_box_tell_it_as_far_from_its_centre_as_the_radius(radius, cells):
    """The box's centre is that of the second cell; the fourth cell is outside, and so is the lower row."""
    _, there = assign(torch.tensor([[[0.0, 0.5, 0.5, 11.5, 3.5]]]), grid(2, 4, 8, 16), radius)
    assert there[0].nonzero().flatten().tolist() == cells


def test_cells_of_several_sizes_tell_boxes_of_their_own_size_the_smallest_and_largest_also_others():
    """Cells of 1, 2 and 4 pixels around (20, 20); squares around it whose sides are at 3, 6, 10, 20 and 40 pixels."""
    cells = torch.tensor([[20 - s / 2, 20 - s / 2, 20 + s / 2, 20 + s / 2] for s in (1.0, 2.0, 4.0)])
    squares = torch.tensor([[[0.0, 20 - d, 20 - d, 20 + d, 20 + d]] for d in (3.0, 6.0, 10.0, 20.0, 40.0)])
    _, there = assign(squares, cells, 1.5)
    each = [
        [True, False, False],
        [True, False, False],
        [False, True, False],
        [False, False, True],
        [False, False, True],
    ]
    assert there.tolist() == each
