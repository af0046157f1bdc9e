import pytest
import torch
from torchvision import ops

from runner.task.boxes.overlap import giou, iou
from runner.task.boxes.suppression import suppress


def boxes(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(*shape, 2, generator=generator) * 30
    return torch.cat([corners, corners + 2 + 15 * torch.rand(*shape, 2, generator=generator)], -1)


def test_overlaps_are_torchvisions():
    a, b = boxes(0, 7), boxes(1, 5)
    torch.testing.assert_close(iou(a[:, None], b), ops.box_iou(a, b))
    torch.testing.assert_close(giou(a[:, None], b), ops.generalized_box_iou(a, b))


def test_boxes_without_area_have_no_overlap_and_a_finite_slope():
    none = torch.zeros(3, 4, requires_grad=True)
    value = giou(none, torch.zeros(3, 4)).sum() + iou(none, torch.zeros(3, 4)).sum()
    assert value == 0
    value.backward()
    assert none.grad.isfinite().all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("least", "overlap", "most"), [(0.05, 0.5, 30), (0.6, 0.3, 30), (0.0, 0.9, 5)])
def test_suppression_is_torchvisions_for_each_class(seed, least, overlap, most):
    torch.manual_seed(seed)
    found = boxes(seed, 3, 20)
    scores = torch.rand(3, 20, 4) * (torch.rand(3, 20, 4) < 0.4)
    result = suppress(found, scores, least, overlap, most)
    assert result.shape == (3, most, 6)
    for n in range(3):
        top, index = scores[n].flatten().topk(min(4 * most, 80))
        index = index[top >= least]
        label, own, score = index % 4, found[n][index // 4], scores[n].flatten()[index]
        kept = ops.batched_nms(own, score, label, overlap)[:most]
        expected = torch.cat([label[kept, None].float(), own[kept], score[kept, None]], 1)
        mine = result[n][result[n, :, 0] >= 0]
        if least > 0:
            torch.testing.assert_close(mine, expected)
        assert (result[n, len(mine) :] == -1).all()
