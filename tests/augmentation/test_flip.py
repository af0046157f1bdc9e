import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.flip import Flip, flip
from tests.batches import batch_of


@pytest.mark.parametrize(("dim", "theirs"), [(-1, TF.horizontal_flip), (-2, TF.vertical_flip)])
def test_per_image_as_torchvision(dim, theirs):
    images = torch.randn(6, 3, 5, 4)
    chosen = torch.tensor([True, False, True, True, False, False])
    for result, image, c in zip(flip(images, chosen, dim), images, chosen, strict=True):
        assert torch.equal(result, theirs(image) if c else image)


@pytest.mark.parametrize(("horizontal", "vertical"), [(0.5, 0.0), (0.2, 0.9), (0.0, 1.0)])
def test_shares(horizontal, vertical):
    torch.manual_seed(0)
    image = torch.arange(4.0).view(1, 1, 2, 2)
    images, targets = image.expand(20000, 1, 2, 2), torch.arange(20000)
    batch = Flip(horizontal, vertical).on_batch(batch_of(targets, images))
    changed = batch.inputs
    assert batch.targets is targets
    # The top left value tells both draws: bit 0 left-right, bit 1 top-bottom.
    corner = changed[:, 0, 0, 0].long()
    counts = torch.bincount(corner, minlength=4) / len(corner)
    h, v = horizontal, vertical
    expected = torch.tensor([(1 - h) * (1 - v), h * (1 - v), (1 - h) * v, h * v])
    torch.testing.assert_close(counts, expected, atol=0.015, rtol=0)


def test_keeps_channels_last():
    images = torch.randn(8, 3, 4, 4).to(memory_format=torch.channels_last)
    changed = Flip(0.5, 0.5).on_batch(batch_of(torch.zeros(8), images)).inputs
    assert changed.is_contiguous(memory_format=torch.channels_last)
