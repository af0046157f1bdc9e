import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.crop import Crop
from runner.augmentation.cutout import Cutout, cutout
from runner.augmentation.flip import Flip
from runner.augmentation.noise import Noise
from runner.augmentation.rotation import Rotation
from runner.engine.spec import Spec
from runner.engine.technique import in_order
from runner.errors import ConfigError
from tests.batches import batch_of


@pytest.mark.parametrize("size", [1, 3, 4])
def test_per_image_as_torchvisions_erase(size):
    centres = torch.cartesian_prod(torch.arange(6), torch.arange(9))
    images = torch.randn(len(centres), 3, 6, 9)
    for result, image, (row, column) in zip(cutout(images, *centres.T, size), images, centres.tolist(), strict=True):
        top, left = row - size // 2, column - size // 2
        bottom, right = top + size, left + size
        top, left = max(top, 0), max(left, 0)
        expected = TF.erase(image, top, left, min(bottom, 6) - top, min(right, 9) - left, torch.zeros(()))
        assert torch.equal(result, expected)


def test_centres_are_uniform_and_per_image(fit):
    torch.manual_seed(0)
    technique = Cutout(size=1)
    technique.setup(fit(spec=Spec.classification((2, 4, 5), 2)))
    images, targets = torch.ones(20000, 2, 4, 5), torch.zeros(20000)
    batch = technique.on_batch(batch_of(targets, images))
    changed = batch.inputs
    assert batch.targets is targets
    assert (images == 1).all()
    torch.testing.assert_close((1 - changed).sum((2, 3)), torch.ones(20000, 2))  # one pixel, in both channels
    torch.testing.assert_close((1 - changed).mean((0, 1)), torch.full((4, 5), 1 / 20), atol=0.006, rtol=0)


@pytest.mark.parametrize(("shape", "side"), [((3, 32, 32), 16), ((1, 9, 20), 4), ((1, 1, 4), 0)])
def test_half_of_the_shorter_side_unless_told(fit, shape, side):
    technique = Cutout()
    technique.setup(fit(spec=Spec.classification(shape, 2)))
    assert technique.side == side
    assert technique.on_batch(batch_of(torch.zeros(16), torch.randn(16, *shape))).inputs.shape == (16, *shape)


def test_keeps_channels_last(fit):
    technique = Cutout()
    technique.setup(fit(spec=Spec.classification((3, 8, 8), 2)))
    images = torch.randn(8, 3, 8, 8).to(memory_format=torch.channels_last)
    assert technique.on_batch(batch_of(torch.zeros(8), images)).inputs.is_contiguous(memory_format=torch.channels_last)


def test_the_hole_is_not_moved():
    assert in_order([Cutout(), Rotation(), Flip(), Crop(), Noise()])[3].name == "cutout"


def test_refusals(fit):
    with pytest.raises(ConfigError, match=r"cutout.size=8: expected less than .* 8\."):
        Cutout(size=8).setup(fit(spec=Spec.classification((1, 8, 9), 2)))
