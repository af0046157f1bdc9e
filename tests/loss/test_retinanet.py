"""How boxes lie beside anchors; the loss as a whole is torchvision's by tests/model/test_fcos.py."""

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder

from runner.task.boxes.coding import decode, encode


@pytest.mark.parametrize("weights", [(1.0, 1.0), (10.0, 5.0)])
def test_what_retinanet_tells_of_boxes_is_torchvisions_code(weights):
    torch.manual_seed(0)
    corners = torch.rand(2, 40, 2) * 50
    boxes, anchors = torch.cat([corners, corners + 1 + 30 * torch.rand(2, 40, 2)], -1)
    coder = BoxCoder((weights[0], weights[0], weights[1], weights[1]))
    told = encode(boxes, anchors, weights)
    torch.testing.assert_close(told, coder.encode_single(boxes, anchors))
    torch.testing.assert_close(decode(told, anchors, weights), boxes, rtol=1e-4, atol=1e-4)
    far = torch.randn(40, 4) * 20
    torch.testing.assert_close(decode(far, anchors, weights), coder.decode_single(far, anchors), rtol=1e-4, atol=1e-2)
